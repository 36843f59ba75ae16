//! The explorations themselves.

use std::collections::BTreeSet;
use std::time::Instant;

use crate::explorer::{Beside, Explorer, Found};
use crate::invariants::Invariant;
use crate::scenarios::{COPIES, DEADLINES, DENIED, EDITS, FENCE, PAIRS, REMOVAL, SCENARIOS, STALE, Scenario};
use crate::world::Digests;

/// What fails: the scenario, and what does not hold in it.
type Failed = BTreeSet<(&'static str, Invariant)>;

fn explore(scenarios: &[Scenario], beside: Beside, digests: Digests) -> (usize, Failed) {
    let (mut states, mut failed) = (0, Failed::new());
    for scenario in scenarios {
        let began = Instant::now();
        let Found { states: these, looks, traces } = Explorer::new(*scenario, beside, digests).run();
        let broken: Vec<&Invariant> = traces.keys().collect();
        let took = began.elapsed().as_secs_f32();
        println!("{:50} {these:8} states {looks:3} looks {took:5.1} s  {broken:?}", scenario.name);
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
    for digests in Digests::BOTH {
        let (states, failed) = explore(SCENARIOS, Beside::OtherFlips, digests);
        assert_eq!(failed, Failed::new(), "{digests:?}");
        assert!(states > 200_000, "{states}");
    }
}

#[test]
fn with_one_process_at_a_time_everything_holds() {
    for digests in Digests::BOTH {
        let (_, failed) = explore(SCENARIOS, Beside::Nobody, digests);
        assert_eq!(failed, Failed::new(), "{digests:?}");
    }
}

/// What remains where also two copies of one flip run side by side: those that decide differently. Nothing
/// else may fail, and each of these must.
const REMAINS: &[(&str, Invariant)] = &[
    ("one flip, twice, guard changes twice, crash", Invariant::Whole),
    ("one flip, twice, guard changes twice, crash", Invariant::FailedStays),
    ("one flip, twice, guard changes twice, crash", Invariant::RecordTells),
    ("there twice and back", Invariant::Whole),
    ("there twice and back", Invariant::RecordTells),
    ("there and back twice", Invariant::Whole),
    ("there and back twice", Invariant::RecordTells),
    ("there and back, guard changes twice", Invariant::FailedStays),
    ("there and back, guard changes twice", Invariant::RecordTells),
    ("named and unnamed", Invariant::Whole),
    ("named and unnamed", Invariant::RecordTells),
    ("there twice, back, there", Invariant::RecordTells),
    ("flip and Retry", Invariant::Whole),
    ("flip and Retry", Invariant::FailedStays),
    ("flip and Retry", Invariant::RecordTells),
    ("edited by hand", Invariant::FailedStays),
    ("flip, Retry and back", Invariant::Whole),
    ("flip, Retry and back", Invariant::RecordTells),
    ("two pairs, twice, guard", Invariant::RecordTells),
];

#[test]
fn with_everything_side_by_side_only_the_listed_fails() {
    let (_, failed) = explore(SCENARIOS, Beside::Everybody, Digests::AsNamed);
    assert_eq!(failed, REMAINS.iter().copied().collect());
}

/// What remains of two copies of one job, of which one finds that the guard fails: they decide differently. A job that was
/// answered as failed moves nothing all the same.
const REMAINS_COPIES: &[(&str, Invariant)] = &[
    ("copies: one flip, twice, guard", Invariant::RecordTells),
    ("copies: one flip, three times, guard", Invariant::RecordTells),
    ("copies: one flip, twice, guard, crash", Invariant::Whole),
    ("copies: one flip, twice, guard, crash", Invariant::RecordTells),
    ("copies: one flip, twice, guard, and back", Invariant::RecordTells),
];

#[test]
fn a_job_is_closed_as_not_made_when_other_copies_plans_have_ended() {
    let (_, failed) = explore(COPIES, Beside::Everybody, Digests::AsNamed);
    assert_eq!(failed, REMAINS_COPIES.iter().copied().collect());
}

/// What fails of these scenarios, in either order of digests.
fn explore_both(scenarios: &[Scenario], beside: Beside) -> Failed {
    Digests::BOTH.into_iter().flat_map(|digests| explore(scenarios, beside, digests).1).collect()
}

/// What remains where reads are stale: two different flips at the same moment, where a read does not show the newer flip's
/// record even after several later writes. The older flip is closed as made then, and its rules stay.
const REMAINS_STALE: &[(&str, Invariant)] = &[("stale for several writes: there and back", Invariant::RecordTells)];

#[test]
fn where_reads_are_stale_only_the_listed_fails() {
    assert_eq!(explore_both(STALE, Beside::OtherFlips), REMAINS_STALE.iter().copied().collect());
    assert_eq!(explore_both(STALE, Beside::Nobody), Failed::new());
}

/// What remains where another execution fences a group while two flips meet: an overtaken job that moved rules away from it
/// after the newer flip was made does not move them to it again, since no live rule is moved to a fenced group.
const REMAINS_FENCED: &[(&str, Invariant)] = &[
    ("fence: two to the same group", Invariant::Whole),
    ("fence: there, back, there", Invariant::Whole),
    ("fence: there, back, there", Invariant::RecordTells),
    ("fence: named and unnamed", Invariant::Whole),
];

#[test]
fn beside_a_fence_only_the_listed_fails() {
    assert_eq!(explore_both(FENCE, Beside::OtherFlips), REMAINS_FENCED.iter().copied().collect());
    assert_eq!(explore_both(FENCE, Beside::Nobody), Failed::new());
}

/// What remains where a job ended unfinished after a newer flip was made, with all of its rules moved: its Retry finds its
/// group live everywhere, which is a no-op, while the newest record says the other group.
const REMAINS_UNFINISHED: &[(&str, Invariant)] = &[
    ("deadline: there and back", Invariant::RecordTells),
    ("deadline: there and back, guard", Invariant::RecordTells),
    ("deadline: there and back, crash", Invariant::RecordTells),
    ("two pairs, unfinished, and back on one", Invariant::RecordTells),
    ("edit after a newer flip: unfinished, Retry", Invariant::RecordTells),
];

/// Those of [`REMAINS_UNFINISHED`] that are about these scenarios.
fn unfinished(scenarios: &[Scenario]) -> Failed {
    REMAINS_UNFINISHED.iter().copied().filter(|(name, _)| scenarios.iter().any(|scenario| scenario.name == *name)).collect()
}

#[test]
fn what_is_unfinished_at_the_deadline_a_retry_finishes() {
    assert_eq!(explore_both(DEADLINES, Beside::OtherFlips), unfinished(DEADLINES));
    assert_eq!(explore_both(DEADLINES, Beside::Nobody), Failed::new());
}

/// What remains where rule writes are refused for good: an overtaken job, of which one write passed after the newer flip was
/// made and another one was refused, cannot clean up.
const REMAINS_DENIED: &[(&str, Invariant)] =
    &[("denied: there and back, crash", Invariant::Whole), ("denied: there and back, guard", Invariant::Whole)];

#[test]
fn where_a_write_cannot_pass_only_the_listed_fails() {
    assert_eq!(explore_both(DENIED, Beside::OtherFlips), REMAINS_DENIED.iter().copied().collect());
    assert_eq!(explore_both(DENIED, Beside::Nobody), Failed::new());
}

#[test]
fn two_pairs_and_a_flip_back_of_one_are_whole() {
    assert_eq!(explore_both(PAIRS, Beside::OtherFlips), unfinished(PAIRS));
    assert_eq!(explore_both(PAIRS, Beside::Nobody), Failed::new());
}

/// What remains where old records are removed: a late copy of a job whose record was removed is new.
const REMAINS_REMOVED: &[(&str, Invariant)] = &[("removal: a late copy of an old job", Invariant::LateCopyWritesNothing)];

#[test]
fn where_old_records_are_removed_only_the_listed_fails() {
    assert_eq!(explore_both(REMOVAL, Beside::OtherFlips), REMAINS_REMOVED.iter().copied().collect());
    assert_eq!(explore_both(REMOVAL, Beside::Nobody), REMAINS_REMOVED.iter().copied().collect());
}

/// What remains of edits by hand: one made after a newer flip while an overtaken job, redelivered, cleans up; or one that
/// splits the rules, before a Retry of an unfinished job.
const REMAINS_EDITED: &[(&str, Invariant)] = &[
    ("edit after a newer flip: crash", Invariant::EditAfterNewerStays),
    ("edit after a newer flip: crash, to the same group", Invariant::EditAfterNewerStays),
    ("edit after a newer flip: named and unnamed, crash", Invariant::EditAfterNewerStays),
    ("edit after a newer flip: unfinished, Retry", Invariant::EditAfterNewerStays),
];

#[test]
fn an_edit_after_a_newer_flip_stays_but_where_listed() {
    let remains = REMAINS_EDITED.iter().copied().chain(unfinished(EDITS)).collect();
    assert_eq!(explore_both(EDITS, Beside::OtherFlips), remains);
    assert_eq!(explore_both(EDITS, Beside::Nobody), REMAINS_EDITED.iter().copied().collect());
}
