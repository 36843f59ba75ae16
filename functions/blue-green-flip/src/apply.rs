//! Applies a plan, phase by phase, and remembers what was acknowledged. Nothing here decides anything.

use std::time::Instant;

use blue_green::aws::failure::{AwsFailure, Class};
use blue_green::plan::look::Looked;
use blue_green::plan::{Labels, Phase, Plan, Write};
use blue_green::release::invocation::Invocation;
use blue_green::seen::pair::Pair;
use blue_green::seen::topology::Topology;

use crate::state::{Flip, Seen};

/// How applying a plan ended.
pub enum Applied {
    /// Every write was acknowledged; a label may be missing.
    Done,
    /// A rule was not written.
    Rule(AwsFailure),
    /// Records were not written.
    Tags(AwsFailure),
}

/// Leaves out the writes of rules that this invocation wrote a moment ago: a look that does not show them yet may only be
/// late. Says whether there were any.
pub fn without_doubts(mut plan: Plan, looked: &[Looked], invocation: &Invocation) -> (Plan, bool) {
    let now = Instant::now();
    let mut doubted = false;
    for steps in plan.phases.values_mut() {
        steps.retain(|step| {
            let doubt = match (&step.write, looked.get(step.pair)) {
                (Write::Actions { rule, serves, .. }, Some(Looked { pair, .. })) => {
                    pair.side(serves).is_some_and(|serves| invocation.doubts(pair, rule.arn(), serves, now))
                }
                _ => false,
            };
            doubted |= doubt;
            !doubt
        });
    }
    (plan, doubted)
}

/// Applies the phases one after the other, every write of each acknowledged before the next begins.
pub async fn apply(flip: &mut Flip<'_>, seen: &Seen<'_>, plan: &Plan, until: Instant) -> Applied {
    let writer = flip.request.writer(until);
    for (phase, steps) in &plan.phases {
        let results = writer.apply(steps.iter().map(|step| &step.write)).await;
        let mut stopped = None;
        for (step, result) in steps.iter().zip(results) {
            let Some(Looked { pair, .. }) = seen.looked.get(step.pair) else { continue };
            match &result {
                Ok(()) => tracing::info!(%phase, write = %step.write, "applied"),
                Err(failure) => tracing::error!(%phase, write = %step.write, reason = %failure, "not applied"),
            }
            remember(&mut flip.invocation, (seen.topology, pair), (*phase, &step.write), &result);
            flip.rules += usize::from(matches!((&step.write, &result), (Write::Actions { .. }, Ok(()))));
            match (result, step.is_label) {
                (Ok(()), _) => {}
                (Err(failure), true) => unlabelled(flip, &failure),
                // What cannot pass decides over what may pass later.
                (Err(failure), false) if failure.class == Class::Transient && stopped.is_some() => {}
                (Err(failure), false) => stopped = Some(failure),
            }
        }
        match (phase, stopped) {
            (_, None) => {}
            (Phase::Live | Phase::Test, Some(failure)) => return Applied::Rule(failure),
            (Phase::Close, Some(failure)) if failure.class == Class::Permission && flip.labels == Labels::Written => {
                // The call may have been denied for the label that goes with it.
                unlabelled(flip, &failure);
                flip.labels = Labels::Left;
                return Applied::Tags(AwsFailure { class: Class::Transient, ..failure });
            }
            (Phase::Partners | Phase::Records | Phase::Close, Some(failure)) => return Applied::Tags(failure),
        }
    }
    Applied::Done
}

fn remember(
    invocation: &mut Invocation,
    (topology, pair): (&Topology, &Pair),
    (phase, write): (Phase, &Write),
    result: &Result<(), AwsFailure>,
) {
    match (write, result) {
        (Write::Tag { group, tags, .. }, Ok(())) => {
            invocation.tagged(topology, group, tags);
            if phase == Phase::Records {
                invocation.recorded(pair);
            }
        }
        (Write::Actions { rule, serves, .. }, result) => {
            if let Some(serves) = pair.side(serves) {
                invocation.wrote(pair, rule.arn(), serves, result.is_ok().then(Instant::now));
            }
            match result {
                Ok(()) | Err(AwsFailure { class: Class::Transient, .. }) => {}
                Err(failure) => invocation.refused(pair, failure.class != Class::Permission),
            }
        }
        (Write::Tag { .. } | Write::Untag { .. }, _) => {}
    }
}

/// Labels describe and decide nothing: what is left of them is a note.
fn unlabelled(flip: &mut Flip<'_>, failure: &AwsFailure) {
    let note = format!("The labels could not be written ({failure}): run a check, which brings labels in line");
    if !flip.notes.iter().any(|known| known.starts_with("The labels could not")) {
        flip.notes.push(note);
    }
}
