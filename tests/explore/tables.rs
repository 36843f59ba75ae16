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

/// What remains where also two copies of one flip run side by side: those that decide differently, and a copy that planned
/// before an edit by hand. Nothing else may fail, and each of these must.
const REMAINS: &[(&str, Invariant)] = &[
    ("one flip, twice, guard changes twice, crash", Invariant::Whole),
    ("one flip, twice, guard changes twice, crash", Invariant::RecordTells),
    ("there twice and back", Invariant::Whole),
    ("there twice and back", Invariant::RecordTells),
    ("there and back twice", Invariant::Whole),
    ("there and back twice", Invariant::RecordTells),
    ("there and back, guard changes twice", Invariant::RecordTells),
    ("named and unnamed", Invariant::Whole),
    ("named and unnamed", Invariant::RecordTells),
    ("there twice, back, there", Invariant::RecordTells),
    ("flip and Retry", Invariant::Whole),
    ("flip and Retry", Invariant::RecordTells),
    ("flip, Retry and back", Invariant::Whole),
    ("flip, Retry and back", Invariant::RecordTells),
    ("edited by hand", Invariant::EditStays),
    ("two pairs, twice, guard", Invariant::RecordTells),
];

#[test]
fn with_everything_side_by_side_only_the_listed_fails() {
    let (_, failed) = explore(Beside::Everybody);
    assert_eq!(failed, REMAINS.iter().copied().collect());
}
