//! Any topology is refused with nothing to write, or after the flip every twin is exchanged, all else is as before, a second
//! delivery finds nothing to do, and flipping back restores the first rules.

use blue_green::asked::parameters::{Action, Parameters};
use blue_green::plan::{Asker, Plan, Refusal, Write, plan};
use blue_green::seen::ports;
use blue_green::seen::topology::Topology;
use blue_green::seen::unfit::Unfit;
use jiff::Timestamp;
use proptest::prelude::*;
use proptest::sample::subsequence;
use proptest::test_runner::FileFailurePersistence;

use crate::after::{after, make};
use crate::drawn::{Sound, sound, wild};
use crate::held::{held, one_way_round, restored};

fn settings(cases: u32) -> ProptestConfig {
    ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::with_cases(cases)
    }
}

fn asks(execution: &str, promote_to: &[String]) -> Parameters {
    Parameters {
        elb_name: "shop".to_owned(),
        action: Action::Flip,
        promote_to: promote_to.to_vec(),
        promote_image: None,
        execution: Some(execution.to_owned()),
        min_capacity: 100,
        force: true,
        ports: ports::DEFAULT.to_vec(),
    }
}

fn planned(topology: &Topology, asked: &Parameters) -> Result<Plan, Refusal> {
    plan(topology, asked, &Asker::new(asked, "job-1"), Timestamp::UNIX_EPOCH)
}

/// Flips, looks whether everything holds, asks once more, and flips back.
fn there_and_back(topology: &Topology, asked: &Parameters, plan: &Plan) {
    let then = held(topology, asked, plan);
    let again = planned(&then, asked).unwrap();
    assert!(again.is_empty(), "a second delivery: {again}");
    assert!(plan.rules().next().is_none() || again.changes, "a second delivery says that it was flipped");
    let retired: Vec<String> = plan.promotions.iter().map(|promotion| promotion.retired.clone()).collect();
    let asked_back = asks("run-2", &retired);
    match planned(&then, &asked_back) {
        Ok(plan_back) => {
            let back = held(&then, &asked_back, &plan_back);
            if one_way_round(topology, asked, &plan.promotions) {
                restored(topology, &back, &plan.promotions);
            }
        }
        // A rule that served the promoted group before may have no room for the other one.
        Err(Refusal::Unfit(Unfit::Overfull { .. })) if !one_way_round(topology, asked, &plan.promotions) => {}
        Err(refusal) => panic!("{refusal}"),
    }
}

proptest! {
    #![proptest_config(settings(1000))]

    #[test]
    fn a_sound_load_balancer_flips_and_comes_back(Sound { topology, promote } in sound()) {
        let asked = asks("run-1", &promote);
        let plan = planned(&topology, &asked).unwrap_or_else(|refusal| panic!("{refusal}"));
        prop_assert!(plan.moves_traffic());
        there_and_back(&topology, &asked, &plan);
    }

    #[test]
    fn a_flip_that_died_between_any_two_writes_is_finished(Sound { topology, promote } in sound(), done in any::<prop::sample::Index>(), backwards: bool) {
        let asked = asks("run-1", &promote);
        let whole = planned(&topology, &asked).unwrap();
        let mut writes: Vec<&Write> = Vec::new();
        for (_, phase) in whole.phases() {
            let mut phase: Vec<&Write> = phase.iter().collect();
            if backwards {
                phase.reverse();
            }
            writes.extend(phase);
        }
        let mut half = topology.clone();
        writes[..done.index(writes.len())].iter().for_each(|write| make(&mut half, write));
        let finished = after(&half, &planned(&half, &asked).unwrap_or_else(|refusal| panic!("{refusal}")));
        prop_assert_eq!(&finished.listeners, &after(&topology, &whole).listeners);
        // Whoever comes next without a name finishes it too, where the load balancer has one service.
        let other = planned(&half, &asks("run-2", &[])).ok();
        if let Some(other) = other.filter(|other| other.promotions.iter().any(|promotion| promotion.finishes.is_some())) {
            prop_assert_eq!(after(&half, &other).listeners, finished.listeners);
        }
    }
}

proptest! {
    #![proptest_config(settings(5000))]

    #[test]
    fn a_wild_load_balancer_is_refused_or_flips_exactly(topology in wild(), names in subsequence(vec!["a", "b", "c", "Code1"], 0..3), force: bool) {
        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        let asked = Parameters { force, ..asks("run-1", &names) };
        if let Ok(plan) = planned(&topology, &asked) {
            there_and_back(&topology, &asked, &plan);
        }
    }
}
