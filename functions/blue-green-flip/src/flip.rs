//! A flip: observe, plan, apply, verify.

use std::time::Instant;

use blue_green::aws::failure::{AwsFailure, Class};
use blue_green::plan::{Plan, Refusal, Write, plan};
use blue_green::release::back::{begun, current, open_after, taken_back};
use blue_green::release::guard::Blocked;
use blue_green::release::intent::Promotion;
use blue_green::report::Report;
use jiff::Timestamp;

use crate::failure::Failure;
use crate::others::finish_others;
use crate::back::{give_up, note_over, set_back};
use crate::request::{Reading, Request};
use crate::states::{split, states};
use crate::verify::verify;

/// Makes the flip that is asked for.
///
/// # Errors
/// A [`Failure`] that says what was found, what was expected and how the rules are now.
pub async fn flip(request: &Request) -> Result<Report, Failure> {
    let mut halfway: Option<Halfway> = None;
    let mut doubted = false;
    loop {
        let seen = match (request.observe(&request.reader).await, halfway.take()) {
            (Ok(seen), _) => seen,
            (Err(failure), None) => return Err(failure),
            (Err(failure), Some(halfway)) => {
                tracing::error!(reason = %failure, "could not go on");
                return give_up(request, halfway).await;
            }
        };
        tracing::info!(listeners = seen.topology.listeners.len(), groups = seen.topology.groups.len(), "observed");
        let plan = match plan(&seen.topology, &request.asked, &request.asker, Timestamp::now()) {
            Ok(plan) => plan,
            // Rules and tags are read side by side: another delivery may have written in between.
            Err(refusal) if !doubted && is_undone(&refusal) => {
                doubted = true;
                continue;
            }
            Err(refusal) => return Err(refused(request, &seen, refusal).await),
        };
        tracing::info!(writes = plan.phases().iter().map(|(_, writes)| writes.len()).sum::<usize>(), "planned");
        let Err(Stopped { cause, moved }) = apply(request, seen.until, &plan).await else {
            return verify(request, &seen, &plan).await;
        };
        let begun = moved || !current(&seen.topology, &request.asked, &plan.promotions, &request.asker).is_empty();
        if cause.class == Class::Transient && !request.is_late() {
            tracing::warn!(reason = %cause, "not applied in time; reading again");
            halfway = begun.then_some(Halfway { seen, plan, cause });
        } else if begun {
            return give_up(request, Halfway { seen, plan, cause }).await;
        } else {
            if cause.class != Class::Transient {
                note_over(request, &seen).await;
            }
            return Err(Failure::Aws(cause));
        }
    }
}

/// A flip of which rules may have been written, and others not.
pub struct Halfway {
    pub seen: Reading,
    pub plan: Plan,
    pub cause: AwsFailure,
}

fn is_undone(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::Blocked(blocked) if blocked.iter().any(|reason| matches!(reason, Blocked::Undone { .. })))
}

/// A refusal, told with the state of the rules where an earlier delivery left them apart. A job that ends so is
/// remembered as over; where it was over, the way back that an earlier delivery began is finished; where another
/// flip came after it and the rules are apart, that one is finished; and where this flip itself had begun to move the
/// rules and the promoted group must not have them any more, they are set back.
async fn refused(request: &Request, seen: &Reading, refusal: Refusal) -> Failure {
    let reasons = match refusal {
        Refusal::Unfit(unfit) => return Failure::Unfit { unfit, split: split(&seen.topology, &request.asked) },
        Refusal::Blocked(reasons) => reasons,
    };
    let (asked, asker) = (&request.asked, &request.asker);
    if reasons.iter().any(|reason| matches!(reason, Blocked::Over { .. })) {
        let promotions = taken_back(&seen.topology, asked, asker);
        if promotions.is_empty() {
            return Failure::Blocked { reasons, finished: Vec::new(), split: split(&seen.topology, asked) };
        }
        let (states, open) = back(request, seen, &promotions).await;
        return Failure::Over { job: asker.delivery.clone(), states, open };
    }
    let begun = begun(&seen.topology, asked, asker);
    if !begun.is_empty() && reasons.iter().all(Blocked::is_of_promoted) {
        let (states, open) = back(request, seen, &begun).await;
        return Failure::Withdrawn { reasons, states, open };
    }
    let mut apart = split(&seen.topology, asked);
    let superseded = reasons.iter().any(|reason| matches!(reason, Blocked::Superseded { .. }));
    let open = if superseded { open_after(&seen.topology, asked, asker, Timestamp::now()) } else { Vec::new() };
    let mut finished = finish_others(request, seen, &open).await;
    if !finished.is_empty() {
        match request.reader.again(&seen.topology).await {
            Ok(now) if open_after(&now, asked, asker, Timestamp::now()).is_empty() => apart = split(&now, asked),
            Ok(now) => (finished, apart) = (Vec::new(), split(&now, asked)),
            Err(failure) => {
                tracing::warn!(reason = %failure, "could not see whether it is finished");
                finished = Vec::new();
            }
        }
    }
    note_over(request, seen).await;
    Failure::Blocked { reasons, finished, split: apart }
}

/// Sets rules back, and says how they are then and whether some are still to be.
async fn back(request: &Request, seen: &Reading, promotions: &[Promotion]) -> (Vec<String>, bool) {
    match set_back(request, seen, promotions).await {
        Ok(states) => (states, false),
        Err(reason) => {
            tracing::error!(reason, "could not set the rules back");
            (states(&seen.topology, &request.asked, promotions), true)
        }
    }
}

/// Where applying stopped.
pub struct Stopped {
    /// The failure that decides.
    pub cause: AwsFailure,
    /// Whether the write of a rule had begun.
    pub moved: bool,
}

/// Applies the phases one after the other, each acknowledged whole before the next begins.
pub async fn apply(request: &Request, until: Instant, plan: &Plan) -> Result<(), Stopped> {
    let writer = request.writer(until);
    let mut moved = false;
    for (phase, writes) in plan.phases() {
        moved |= writes.iter().any(|write| matches!(write, Write::Actions { .. }));
        let results = writer.apply(writes).await;
        for (write, result) in writes.iter().zip(&results) {
            match result {
                Ok(()) => tracing::info!(phase, write = %write, "applied"),
                Err(failure) => tracing::error!(phase, write = %write, reason = %failure, "not applied"),
            }
        }
        // What cannot pass decides over what may pass later.
        let mut failures: Vec<AwsFailure> = results.into_iter().filter_map(Result::err).collect();
        failures.sort_by_key(|failure| failure.class == Class::Transient);
        if let Some(cause) = failures.into_iter().next() {
            return Err(Stopped { cause, moved });
        }
    }
    Ok(())
}
