//! Any topology is refused with nothing to write, or after the flip every twin is exchanged, all else is as before, a second
//! delivery finds nothing to do, and flipping back restores the first rules.

use blue_green::asked::parameters::{Action, Parameters};
use blue_green::plan::{Phase, Write};
use blue_green::release::id::Asker;
use blue_green::release::turn::Turn;
use blue_green::release::why::Why;
use blue_green::report::foresee::foresee;
use blue_green::report::not_made::NotMade;
use blue_green::seen::ports;
use blue_green::seen::setup_error::SetupError;
use blue_green::seen::survey::survey;
use blue_green::seen::topology::Topology;
use jiff::Timestamp;
use proptest::prelude::*;
use proptest::sample::subsequence;
use proptest::test_runner::FileFailurePersistence;

use crate::after::make;
use crate::drawn::{Sound, sound, wild};
use crate::held::{held, one_way_round, restored, untouched};
use crate::simulate::{Delivered, End, deliver};

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

fn delivered(topology: &Topology, asked: &Parameters, job: &str) -> Delivered {
    let asker = Asker::new(asked.execution.as_deref(), &asked.promote_to, job);
    deliver(topology, asked, &asker, Timestamp::UNIX_EPOCH)
}

/// Flips, looks whether everything holds, asks once more, and flips back.
fn there_and_back(topology: &Topology, asked: &Parameters) {
    let there = delivered(topology, asked, "job-1");
    foreseen(topology, asked, &there);
    answers_again(&there, asked);
    if !there.succeeded() {
        return untouched(topology, &there);
    }
    held(topology, asked, &there);
    let sides = there.sides();
    let retired: Vec<String> = sides.iter().map(|sides| sides.test.clone()).collect();
    let asked_back = asks("run-2", &retired);
    let back = delivered(&there.topology, &asked_back, "job-2");
    if back.succeeded() {
        held(&there.topology, &asked_back, &back);
        if one_way_round(topology, asked, &sides) {
            restored(topology, &back.topology, &sides);
        }
    } else {
        // A rule that served the promoted group before may have no room for the other one.
        let overfull = |end: &End| matches!(&end.turn, Turn::Close { why: Some(Why::Setup(SetupError::Overfull { .. })), .. });
        let no_room = back.ends.as_ref().is_ok_and(|ends| ends.iter().any(overfull));
        assert!(no_room && !one_way_round(topology, asked, &sides), "{:?}", back.ends);
    }
}

/// What a plan, a check and the doctor say is what the flip does.
fn foreseen(topology: &Topology, asked: &Parameters, there: &Delivered) {
    let asker = Asker::new(asked.execution.as_deref(), &asked.promote_to, "job-1");
    let foreseen = survey(topology, &asked.ports)
        .map_err(NotMade::from)
        .and_then(|survey| foresee(topology, &survey, asked, &asker, Timestamp::UNIX_EPOCH));
    assert_eq!(foreseen.is_ok(), there.succeeded(), "foreseen: {foreseen:?}; made: {:?}", there.ends);
}

/// A second delivery of the same job ends the same, and writes nothing.
fn answers_again(first: &Delivered, asked: &Parameters) {
    let again = delivered(&first.topology, asked, "job-1");
    assert!(again.plans.is_empty(), "a second delivery: {:?}", again.plans);
    assert_eq!(again.verdicts(), first.verdicts());
    let moved = first.writes(false).iter().any(|(_, write)| matches!(write, Write::Actions { .. }));
    assert!(!moved || again.ends.iter().flatten().any(End::is_made), "a second delivery says that it was made");
}

proptest! {
    #![proptest_config(settings(1000))]

    #[test]
    fn a_sound_load_balancer_flips_and_comes_back(Sound { topology, promote } in sound()) {
        let asked = asks("run-1", &promote);
        let there = delivered(&topology, &asked, "job-1");
        prop_assert!(there.succeeded(), "{:?}", there.ends);
        prop_assert!(there.writes(false).iter().any(|(phase, _)| *phase == Phase::Live));
        there_and_back(&topology, &asked);
    }

    #[test]
    fn a_flip_that_died_between_any_two_writes_is_finished(Sound { topology, promote } in sound(), done in any::<prop::sample::Index>(), backwards: bool) {
        let asked = asks("run-1", &promote);
        let whole = delivered(&topology, &asked, "job-1");
        let writes = whole.writes(backwards);
        let mut half = topology.clone();
        writes[..done.index(writes.len() + 1)].iter().for_each(|(_, write)| make(&mut half, write));
        // By the next delivery of the event, and by a Retry, which is a job of its own.
        for job in ["job-1", "job-1b"] {
            let finished = delivered(&half, &asked, job);
            prop_assert!(finished.succeeded(), "{:?}", finished.ends);
            prop_assert_eq!(&finished.topology.listeners, &whole.topology.listeners);
        }
        // Whoever comes next without a name finishes it too, where the rules are not whole and there is one service.
        let other = delivered(&half, &asks("run-2", &[]), "job-2");
        let apart = half.listeners != topology.listeners && half.listeners != whole.topology.listeners;
        if apart && other.ends.is_ok() {
            prop_assert!(other.succeeded(), "{:?}", other.ends);
            prop_assert_eq!(&other.topology.listeners, &whole.topology.listeners);
        }
        // And the first one, delivered once more, does not touch what came after it.
        if other.succeeded() {
            let late = delivered(&other.topology, &asked, "job-1");
            prop_assert_eq!(&late.topology.listeners, &other.topology.listeners);
        }
    }
}

proptest! {
    #![proptest_config(settings(5000))]

    #[test]
    fn a_wild_load_balancer_is_refused_or_flips_exactly(topology in wild(), names in subsequence(vec!["a", "b", "c", "Code1"], 0..3), force: bool) {
        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        let asked = Parameters { force, ..asks("run-1", &names) };
        there_and_back(&topology, &asked);
    }
}
