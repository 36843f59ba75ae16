//! The way back: what becomes of a flip that cannot be finished, or may not be made.

use blue_green::aws::failure::{AwsFailure, Class};
use blue_green::plan::{Plan, Write};
use blue_green::release::back::{current, labels, plan_back, remember_over};
use blue_green::release::intent::Promotion;
use blue_green::report::Report;
use blue_green::seen::topology::Topology;
use jiff::Timestamp;

use crate::failure::Failure;
use crate::flip::{Halfway, apply};
use crate::others::conflict;
use crate::request::{Reading, Request};
use crate::states::{differences, planned, states};
use crate::verify::{LOOKS, done};

/// After a failure that no further try of this run mends. Where another delivery has made the flip meanwhile, that is
/// what is reported. What may pass is left as it is, for the next delivery to finish. Otherwise this run sets back what
/// it, or an earlier delivery of its flip, has moved.
///
/// # Errors
/// What became of the rules.
pub async fn give_up(request: &Request, halfway: Halfway) -> Result<Report, Failure> {
    let Halfway { seen, plan, cause } = halfway;
    let (asked, asker) = (&request.asked, &request.asker);
    let next = "Another delivery of this job, or a Retry with the same Execution, finishes it".to_owned();
    let transient = cause.class == Class::Transient;
    // Without knowing how the rules are, nothing can be set back or noted as over: an answer now could be untrue a
    // moment later, when a late copy of the event finishes the flip. So the job stays open for the next delivery.
    let now = match request.observe(&request.late_reader).await {
        Ok(now) => now,
        Err(failure) => {
            tracing::error!(reason = %failure, "could not see how the rules are");
            return Err(Failure::HalfDone { cause, states: planned(&plan), next, open: true });
        }
    };
    if differences(&now.topology, asked, &plan.promotions).is_empty() {
        let left = label(request, &now, &plan.promotions).await;
        return Ok(done(asker, &now.topology, &plan, left));
    }
    let mine = current(&now.topology, asked, &plan.promotions, asker);
    if mine.is_empty() || plan.promotions.iter().any(|promotion| plan.moves(promotion) && !mine.contains(promotion)) {
        return conflict(request, &now, &seen, &plan).await;
    }
    if transient || !moved_live(request, &seen.topology, &plan) {
        return Err(Failure::HalfDone { cause, states: states(&now.topology, asked, &plan.promotions), next, open: transient });
    }
    match set_back(request, &now, &mine).await {
        Ok(states) => Err(Failure::TakenBack { cause, states }),
        Err(second) => {
            tracing::error!(reason = second, "could not set the rules back");
            let now = request.last_look(&now.topology).await;
            let next = "Another delivery of this job sets the rest back".to_owned();
            Err(Failure::HalfDone { cause, states: states(&now, asked, &plan.promotions), next, open: true })
        }
    }
}

/// Every rule is as it was wanted: this flip or another one made it, and only labels may be left. They describe and decide
/// nothing, so production is not set back for them: they are tried again, twice where they are denied, and what is left
/// is told.
async fn label(request: &Request, now: &Reading, promotions: &[Promotion]) -> Option<String> {
    let mut failure = write_labels(request, now, promotions).await?;
    if failure.class == Class::Permission {
        // As a reading that is denied: IAM takes changes over with a delay.
        failure = write_labels(request, now, promotions).await?;
    }
    tracing::error!(reason = %failure, "the labels could not be written");
    Some(format!("The labels could not be written ({failure}): run a check, which brings labels in line."))
}

async fn write_labels(request: &Request, now: &Reading, promotions: &[Promotion]) -> Option<AwsFailure> {
    let results = request.writer(now.until).apply(&labels(&now.topology, promotions)).await;
    results.into_iter().find_map(Result::err)
}

/// Whether this flip has moved live rules: in this run, or in an earlier delivery, whose journal this run had found.
fn moved_live(request: &Request, seen: &Topology, plan: &Plan) -> bool {
    !plan.live.is_empty() || !current(seen, &request.asked, &plan.promotions, &request.asker).is_empty()
}

/// Sets rules back and says how they are now.
///
/// # Errors
/// Why they are not.
pub async fn set_back(request: &Request, seen: &Reading, promotions: &[Promotion]) -> Result<Vec<String>, String> {
    let back = plan_back(&seen.topology, &request.asked, promotions, &request.asker, Timestamp::now());
    let back = back.map_err(|unfit| unfit.to_string())?;
    tracing::warn!(writes = back.rules().count(), "setting rules back");
    apply(request, seen.until, &back).await.map_err(|stopped| stopped.cause.to_string())?;
    let now = request.reader.again(&seen.topology).await.map_err(|failure| failure.to_string())?;
    Ok(states(&now, &request.asked, promotions))
}

/// A job that ends without a flip is remembered as over, so that a late copy of its event does not flip when the reason
/// is gone. That it could not be noted changes nothing in what is reported.
pub async fn note_over(request: &Request, seen: &Reading) {
    note(request, seen, |now| remember_over(now, &request.asked, &request.asker)).await;
}

/// Writes what is missing of a note until it stands: others may write theirs over it at the same moment, since tags know
/// no compare-and-set.
pub async fn note(request: &Request, seen: &Reading, missing: impl Fn(&Topology) -> Vec<Write>) {
    let mut now = seen.topology.clone();
    for _ in 0..LOOKS {
        let writes = missing(&now);
        if writes.is_empty() {
            return;
        }
        if let Some(failure) = request.writer(seen.until).apply(&writes).await.into_iter().find_map(Result::err) {
            tracing::warn!(reason = %failure, "could not note this in the journal");
            return;
        }
        match request.reader.again(&now).await {
            Ok(again) => now = again,
            Err(failure) => {
                tracing::warn!(reason = %failure, "noted in the journal; could not see whether it stands");
                return;
            }
        }
    }
    tracing::warn!("others write the journal too: not known whether the note stands");
}
