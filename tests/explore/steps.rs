//! What a decision leads to, one step a call: a process may die between any two.

use blue_green::release::record::{Record, Verdict};
use blue_green::release::several::Decision;
use blue_green::release::turn::Turn;
use blue_green::seen::side::Side;

use crate::world::{RULES, Rules};

/// One step of a process.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// One AddTags call on one group: its tags in their order.
    Tag { pair: usize, on: Side, tags: Vec<(String, String)> },
    /// Removes old records of one group.
    Untag { pair: usize, on: Side, keys: Vec<String> },
    /// One rule: 0 and 1 are on the live port, 2 is on the test port.
    Rule { pair: usize, rule: usize, serves: Side },
    /// Waits until nobody else is in the middle of a plan.
    Wait,
    /// Answers the job.
    Answer(Verdict),
    /// Answers Failed, and closes nothing: a Retry goes on.
    Unfinished,
}

/// The steps of a decision, in the phases of a plan: all records, all live rules, all test rules; or the closings.
pub fn steps(decision: &Decision, rules: &[Rules]) -> Vec<Step> {
    match decision {
        Decision::Wait => vec![Step::Wait],
        Decision::Answer(turns) if turns.contains(&Turn::Stuck) => vec![Step::Unfinished],
        Decision::Answer(turns) => vec![Step::Answer(together(turns))],
        Decision::Apply { turns, ends } => {
            let mut steps: Vec<Step> = turns.iter().filter_map(|(pair, turn)| tags(*pair, turn)).collect();
            for rule in 0..3 {
                steps.extend(turns.iter().filter_map(|(pair, turn)| set(*pair, turn, rule, &rules[*pair])));
            }
            steps.extend(ends.as_ref().map(|turns| Step::Answer(together(turns))));
            steps
        }
    }
}

fn together(turns: &[Turn]) -> Verdict {
    turns.iter().filter_map(Turn::verdict).min().unwrap()
}

fn tags(pair: usize, turn: &Turn) -> Option<Step> {
    let tags = |records: &[Record]| records.iter().map(|record| (record.key(), record.value())).collect();
    match turn {
        Turn::Set { records: Some((on, records)), .. } => Some(Step::Tag { pair, on: *on, tags: tags(records) }),
        Turn::Close { on, records, .. } => Some(Step::Tag { pair, on: *on, tags: tags(records) }),
        Turn::Set { records: None, .. } | Turn::Wait | Turn::Answered(_) | Turn::Stuck => None,
    }
}

fn set(pair: usize, turn: &Turn, rule: usize, rules: &Rules) -> Option<Step> {
    let Turn::Set { live, .. } = turn else { return None };
    let serves = if rule < 2 { *live } else { live.other() };
    (rules[rule] != serves).then_some(Step::Rule { pair, rule, serves })
}

/// Whether a step records that a flip begins.
pub fn begins(step: &Step) -> bool {
    matches!(step, Step::Tag { tags, .. } if tags.iter().any(|(_, value)| value.contains(" moving ")))
}

/// Whether a step records that a flip is taken back.
pub fn undoes(step: &Step) -> bool {
    matches!(step, Step::Tag { tags, .. } if tags.iter().any(|(_, value)| value.contains(" undoing ")))
}

/// A step for a trace.
pub fn show(step: &Step) -> String {
    match step {
        Step::Tag { pair, on, tags } => {
            let word = |(key, value): &(String, String)| {
                let words: Vec<&str> = value.split(' ').collect();
                match key.strip_prefix("bluegreen:flip.") {
                    Some(rest) => format!("flip {} generation {} {}", words[1], rest.split('.').nth(1).unwrap_or("?"), words[3]),
                    None => format!("job {} {}", words[2], key.rsplit('.').next().unwrap_or("?")),
                }
            };
            format!("tags of {}: {}", group(*pair, *on), tags.iter().map(word).collect::<Vec<_>>().join(", "))
        }
        Step::Untag { pair, on, keys } => format!("old tags of {}: {}", group(*pair, *on), keys.join(", ")),
        Step::Rule { pair, rule, serves } => format!("{}={}", RULES[*rule], group(*pair, *serves)),
        Step::Wait => "wait".to_owned(),
        Step::Answer(verdict) => format!("answer {verdict}"),
        Step::Unfinished => "answer unfinished".to_owned(),
    }
}

/// A group for a trace: `0` and `1` of the first pair, `2` and `3` of the second.
pub fn group(pair: usize, side: Side) -> usize {
    2 * pair + side as usize
}
