//! What would go wrong if the table or the loop lacked something: each mutant is caught, by what no longer holds in a scenario.
//!
//! Stories catch, beside these: that a write which cannot pass is tried for ever (`row-3c-a-write-that-is-denied-twice`), that
//! changes by others do not count (`row-3c-a-conflict-*`), and that a refused job does not wait for another flip's plan
//! (`scenario-08`). With one delivery of a flip at a time a job may be closed as not made at once; the wait before that is for
//! copies of the same job, and it takes two of them to see that it lacks.

use crate::explorer::{Beside, Explorer};
use crate::invariants::Invariant;
use crate::scenarios::{COPIES, DENIED, FENCE, SCENARIOS};
use crate::steps::{Step, begins};
use crate::world::{Digests, Interned, Looked};

/// What a mutant lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// Nobody waits for others' plans before closing as not made.
    Wait,
    /// Nobody remembers that it wrote a rule, so that leftovers stay.
    Wrote,
    /// A closed job is not known as closed.
    Closings,
    /// A flip's phase stays `moving` when it was made, and its job is not closed.
    Done,
    /// A job is closed after the phase that goes with it, in the same call.
    ClosingFirst,
    /// The record is written after the rules.
    RecordFirst,
    /// A job is answered before its closing is acknowledged.
    AnswerLast,
    /// Test rules are written before live ones.
    LiveFirst,
    /// The guard is not asked.
    Guard,
    /// A fence is not looked at.
    Fence,
}

impl Mutant {
    /// What a mutant sees.
    pub fn sees(self, looked: &mut Looked, interned: &mut Interned) {
        match self {
            Self::Wait => looked.memory.iter_mut().for_each(|memory| memory.waited = true),
            Self::Wrote => looked.memory.iter_mut().for_each(|memory| memory.wrote = false),
            Self::Guard => looked.fit = true,
            Self::Fence => looked.odd.fenced = None,
            Self::Closings => {
                for mark in looked.marks.iter_mut().flatten() {
                    let mut group = interned.group(*mark).clone();
                    group.retain(|key, _| !key.starts_with("bluegreen:job."));
                    *mark = interned.number(group);
                }
            }
            Self::Done | Self::ClosingFirst | Self::RecordFirst | Self::AnswerLast | Self::LiveFirst => {}
        }
    }

    /// What a mutant does.
    pub fn does(self, mut steps: Vec<Step>) -> Vec<Step> {
        match self {
            Self::Done => steps.retain(|step| !closes(step)),
            Self::ClosingFirst => {
                for step in &mut steps {
                    if let Step::Tag { tags, .. } = step {
                        tags.reverse();
                    }
                }
            }
            Self::RecordFirst if steps.first().is_some_and(begins) => steps.rotate_left(1),
            Self::AnswerLast if matches!(steps.last(), Some(Step::Answer(_))) => steps.rotate_right(1),
            Self::LiveFirst => steps.sort_by_key(|step| matches!(step, Step::Rule { rule: 0 | 1, .. })),
            _ => {}
        }
        steps
    }
}

fn closes(step: &Step) -> bool {
    matches!(step, Step::Tag { tags, .. } if tags.iter().any(|(key, _)| key.starts_with("bluegreen:job.")))
}

/// What catches each.
const CAUGHT: [(Mutant, Beside, &str, Invariant); 11] = [
    (Mutant::Wait, Beside::OtherFlips, "two to the same group, guard", Invariant::Whole),
    (Mutant::Wait, Beside::Everybody, "copies: one flip, twice, guard", Invariant::FailedStays),
    (Mutant::Wrote, Beside::Everybody, "there and back, guard changes twice", Invariant::Whole),
    (Mutant::Closings, Beside::OtherFlips, "there twice and back", Invariant::LateCopyWritesNothing),
    (Mutant::Done, Beside::OtherFlips, "one flip, twice, two crashes", Invariant::RecordTells),
    (Mutant::ClosingFirst, Beside::OtherFlips, "edited by hand", Invariant::EditStays),
    (Mutant::RecordFirst, Beside::OtherFlips, "one flip, twice, guard changes twice, crash", Invariant::Whole),
    (Mutant::AnswerLast, Beside::OtherFlips, "one flip, twice, two crashes", Invariant::RecordTells),
    (Mutant::LiveFirst, Beside::OtherFlips, "denied: there and back, guard", Invariant::RecordTells),
    (Mutant::Guard, Beside::OtherFlips, "one flip, twice, guard changes twice, crash", Invariant::GuardHolds),
    (Mutant::Fence, Beside::OtherFlips, "fence: one flip, twice, crash", Invariant::FenceHolds),
];

#[test]
fn each_mutant_is_caught_in_its_scenario() {
    for (mutant, beside, name, invariant) in CAUGHT {
        let scenarios = [SCENARIOS, COPIES, FENCE, DENIED].concat();
        let scenario = *scenarios.iter().find(|scenario| scenario.name == name).unwrap();
        let explorer = || Explorer::new(scenario, beside, Digests::AsNamed);
        let holds = |explorer: Explorer| !explorer.run().traces.contains_key(&invariant);
        assert!(holds(explorer()), "{name}: {invariant:?}");
        assert!(!holds(explorer().lacking(mutant)), "{name}: {invariant:?} holds without {mutant:?}, too");
    }
}
