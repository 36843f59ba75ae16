//! The explorations themselves.

use std::collections::BTreeSet;

use crate::explorer::{Beside, Explorer, Found};
use crate::invariants::Invariant;
use crate::scenarios::SCENARIOS;

fn explore(beside: Beside) -> (usize, BTreeSet<(&'static str, Invariant)>) {
    let (mut states, mut failed) = (0, BTreeSet::new());
    for scenario in SCENARIOS {
        let Found { states: these, looks, traces } = Explorer::new(*scenario, beside).run();
        let broken: Vec<&Invariant> = traces.keys().collect();
        println!("{:45} {these:8} states {looks:3} looks  {broken:?}", scenario.name);
        for (invariant, trace) in &traces {
            println!("    {invariant:?}:");
            trace.iter().for_each(|step| println!("        {step}"));
        }
        states += these;
        failed.extend(traces.into_keys().map(|invariant| (scenario.name, invariant)));
    }
    println!("{states} states");
    (states, failed)
}

#[test]
fn with_one_delivery_of_a_flip_at_a_time_everything_holds() {
    let (states, failed) = explore(Beside::OtherFlips);
    assert_eq!(failed, BTreeSet::new());
    assert!(states > 200_000, "{states}");
}

#[test]
fn with_one_process_at_a_time_everything_holds() {
    let (_, failed) = explore(Beside::Nobody);
    assert_eq!(failed, BTreeSet::new());
}
