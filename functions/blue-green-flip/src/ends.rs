//! How a flip ends: what the table says of each pair becomes one report or one failure.

use blue_green::plan::look::Looked;
use blue_green::release::id::Digest;
use blue_green::release::journal::Journal;
use blue_green::release::record::{Reason, Verdict};
use blue_green::release::turn::Turn;
use blue_green::release::why::Why;
use blue_green::report::not_made::NotMade;
use blue_green::report::states::{all, split, states};
use blue_green::report::{Done, Report, Sides, flipped};
use blue_green::seen::pair::Pair;
use blue_green::seen::survey::survey;
use blue_green::seen::topology::Topology;

use crate::failure::{Cause, Failure, PairEnd};
use crate::state::{Flip, Seen};

/// What was seen last, and what the table says of each pair.
pub struct End<'a> {
    /// What was seen.
    pub seen: &'a Seen<'a>,
    /// What the table says of each pair.
    pub turns: &'a [Turn],
    /// Whether the closings were acknowledged.
    pub recorded: bool,
}

/// Whether a job fails that ends so.
pub fn fails(turns: &[Turn]) -> bool {
    turns.iter().any(|turn| turn.verdict() == Some(Verdict::Failed))
}

/// The answer to a job of which every pair is closed, or cannot be.
///
/// # Errors
/// Where not every pair succeeded.
pub fn end(flip: &Flip<'_>, end: &End<'_>) -> Result<Report, Failure> {
    if !fails(end.turns) {
        return Ok(succeeded(flip, end));
    }
    let mut ends: Vec<(String, PairEnd)> = Vec::new();
    for (looked, turn) in end.seen.looked.iter().zip(end.turns) {
        let made = match turn.verdict() {
            Some(Verdict::Succeeded) => PairEnd::Made,
            _ => PairEnd::Failed(Box::new(failed(flip, end, looked, turn))),
        };
        ends.push((looked.member.called.clone(), made));
    }
    match (ends.pop(), ends.is_empty()) {
        (Some((_, PairEnd::Failed(only))), true) => Err(*only),
        (last, _) => Err(Failure::Several(ends.into_iter().chain(last).collect())),
    }
}

fn succeeded(flip: &Flip<'_>, end: &End<'_>) -> Report {
    let made = |turn: &Turn| match turn {
        Turn::Close { why, .. } => *why == Some(Why::Made),
        Turn::Answered(closing) => closing.reason == Reason::Made,
        Turn::Set { .. } | Turn::Wait | Turn::Stuck => false,
    };
    let changed = end.turns.iter().any(made);
    let sides: Vec<Sides> = end.seen.looked.iter().zip(end.turns).map(|(looked, turn)| sides(looked, turn)).collect();
    let done = Done { rules: flip.rules, changed };
    let summary = flipped(end.seen.topology, &sides, done, &flip.notes);
    Report::new(flip.request.asker.flip.as_str(), end.seen.topology, &sides, changed, &summary)
}

/// Who is live: as every rule says; where they disagree, as this turn left it.
fn sides(looked: &Looked, turn: &Turn) -> Sides {
    let on = match turn {
        Turn::Close { on, .. } => Some(*on),
        Turn::Set { .. } | Turn::Wait | Turn::Answered(_) | Turn::Stuck => None,
    };
    let live = looked.member.view.live().or(on).or(looked.member.ask.target).unwrap_or(blue_green::seen::side::Side::First);
    Sides { live: looked.pair.arn(live).to_owned(), test: looked.pair.arn(live.other()).to_owned() }
}

fn failed(flip: &Flip<'_>, end: &End<'_>, looked: &Looked, turn: &Turn) -> Failure {
    let states = || states(end.seen.topology, &end.seen.survey, &[&looked.pair]);
    let cause = || flip.cause.clone().unwrap_or(Cause::Earlier);
    match turn {
        Turn::Answered(closing) => Failure::Closed { closing: closing.clone(), states: states() },
        Turn::Stuck => Failure::Unfinished { cause: flip.failure.clone().map_or_else(cause, Cause::Aws), states: states() },
        Turn::Close { why: Some(Why::Undone | Why::Conflict), .. } => Failure::Undone { cause: cause(), states: states() },
        Turn::Close { why: Some(why), .. } => match NotMade::of(end.seen.topology, &end.seen.survey, looked, why) {
            Some(why) => Failure::NotMade { why, split: split(end.seen.topology, &end.seen.survey), recorded: end.recorded },
            None => Failure::Undone { cause: cause(), states: states() },
        },
        Turn::Close { why: None, .. } | Turn::Set { .. } | Turn::Wait => Failure::Undone { cause: cause(), states: states() },
    }
}

/// How it ends where nothing more can be done: with the rules, where this flip may have moved some.
pub fn stopped(flip: &Flip<'_>, cause: Cause) -> Failure {
    let states = flip.seen.as_ref().and_then(|seen| in_progress_in(flip, seen));
    let recorded = flip.seen.as_ref().is_some_and(|seen| Journal::closes(seen, &Digest::of(&flip.request.asker.job)));
    match (states, cause) {
        (Some(mut states), cause) => {
            states.extend(flip.unread.then(|| "this is how they were seen last, they could not be read again".to_owned()));
            Failure::Unfinished { cause, states }
        }
        (None, Cause::Setup(setup_error)) => {
            let split = |seen| survey(seen, &flip.request.asked.ports).map(|survey| split(seen, &survey)).unwrap_or_default();
            let split = flip.seen.as_ref().map(split).unwrap_or_default();
            Failure::NotMade { why: NotMade::Setup(setup_error), split, recorded }
        }
        (None, cause) => Failure::Stopped { cause, recorded },
    }
}

fn in_progress_in(flip: &Flip<'_>, topology: &Topology) -> Option<Vec<String>> {
    let mut topology = topology.clone();
    flip.invocation.complete(&mut topology);
    let found = match survey(&topology, &flip.request.asked.ports) {
        Ok(found) => found,
        Err(_) if flip.rules == 0 => return None,
        Err(setup_error) => return Some(vec![format!("they cannot be paired any more ({setup_error})")]),
    };
    let job = Digest::of(&flip.request.asker.job);
    let id = &flip.request.asker.flip;
    let mine = |pair: &&Pair| {
        let journal = Journal::of_pair(&topology, pair);
        let is_newest = journal.newest().is_some_and(|(_, newest)| newest.id == *id && newest.in_progress());
        let is_open = || journal.of(id).is_some_and(|(_, flip)| flip.job == job && flip.in_progress());
        flip.invocation.of(pair).wrote || is_newest || is_open()
    };
    let pairs: Vec<&Pair> = found.pairs.keys().filter(mine).collect();
    match pairs.as_slice() {
        // Its pair is gone: every rule is shown.
        [] if flip.rules > 0 => Some(all(&topology, &found)),
        [] => None,
        pairs => Some(states(&topology, &found, pairs)),
    }
}
