//! A flip: observe, plan, apply, verify.

use std::time::{Duration, Instant};

use blue_green::aws::failure::{AwsFailure, Class};
use blue_green::aws::observe::{ReadError, Reader};
use blue_green::back::{begun, current, open_after, taken_back};
use blue_green::parameters::{Action, Parameters};
use blue_green::plan::{Asker, Plan, Refusal, Write, plan};
use blue_green::report::Report;
use blue_green::safety::Blocked;
use blue_green::topology::Topology;
use jiff::Timestamp;

use crate::back::{give_up, note_over, set_back};
use crate::failure::Failure;
use crate::handler::Hands;
use crate::states::{split, states};
use crate::verify::{finish_others, verify};

/// How long a plan may be applied after its reading began. The deployer waits longer than this between its fence and
/// its second look, so that no plan made before the fence can move a rule after that look.
pub const PLAN_LIVES: Duration = Duration::from_secs(15);

/// Makes the flip that is asked for.
///
/// # Errors
/// A [`Failure`] that says what was found, what was expected and how the rules are now.
pub async fn flip(hands: &Hands, asked: &Parameters, asker: &Asker) -> Result<Report, Failure> {
    let mut halfway: Option<Halfway> = None;
    let mut doubted = false;
    loop {
        let began = Instant::now();
        let topology = match (observe(&hands.reader, asked).await, halfway.take()) {
            (Ok(topology), _) => topology,
            (Err(failure), None) => return Err(failure),
            (Err(failure), Some(halfway)) => {
                tracing::error!(reason = %failure, "could not go on");
                return give_up(hands, asked, asker, halfway).await;
            }
        };
        tracing::info!(listeners = topology.listeners.len(), groups = topology.groups.len(), "observed");
        let plan = match plan(&topology, asked, asker, Timestamp::now()) {
            Ok(plan) => plan,
            // Rules and tags are read side by side: another delivery may have written in between.
            Err(refusal) if !doubted && is_undone(&refusal) => {
                doubted = true;
                continue;
            }
            Err(refusal) => return Err(refused(hands, asked, asker, &topology, refusal, began).await),
        };
        tracing::info!(writes = plan.phases().iter().map(|(_, writes)| writes.len()).sum::<usize>(), "planned");
        let Err(Stopped { cause, moved }) = apply(hands, began + PLAN_LIVES, &plan).await else {
            return verify(hands, asked, asker, &topology, &plan).await;
        };
        let begun = moved || !current(&topology, asked, &plan.promotions, asker).is_empty();
        if cause.class == Class::Transient && !hands.is_late() {
            tracing::warn!(reason = %cause, "not applied in time; reading again");
            halfway = begun.then_some(Halfway { topology, plan, cause });
        } else if begun {
            return give_up(hands, asked, asker, Halfway { topology, plan, cause }).await;
        } else {
            if cause.class != Class::Transient {
                note_over(hands, asked, asker, &topology, began + PLAN_LIVES).await;
            }
            return Err(Failure::Aws(cause));
        }
    }
}

/// A flip of which rules may have been written, and others not.
pub struct Halfway {
    pub topology: Topology,
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
async fn refused(
    hands: &Hands,
    asked: &Parameters,
    asker: &Asker,
    topology: &Topology,
    refusal: Refusal,
    began: Instant,
) -> Failure {
    let reasons = match refusal {
        Refusal::Unfit(unfit) => return Failure::Unfit(unfit),
        Refusal::Blocked(reasons) => reasons,
    };
    let until = began + PLAN_LIVES;
    if reasons.iter().any(|reason| matches!(reason, Blocked::Over { .. })) {
        let promotions = taken_back(topology, asked, asker);
        if promotions.is_empty() {
            return Failure::Blocked { reasons, split: split(topology, asked) };
        }
        let back = set_back(hands, until, asked, asker, topology, &promotions).await;
        let open = back.is_err();
        let states = back.unwrap_or_else(|reason| {
            tracing::error!(reason, "could not set the rules back");
            states(topology, asked, &promotions)
        });
        return Failure::Over { job: asker.delivery.clone(), states, open };
    }
    let begun = begun(topology, asked, asker);
    if !begun.is_empty() && reasons.iter().all(Blocked::is_of_promoted) {
        let back = set_back(hands, until, asked, asker, topology, &begun).await;
        let open = back.is_err();
        let states = back.unwrap_or_else(|reason| {
            tracing::error!(reason, "could not set the rules back");
            states(topology, asked, &begun)
        });
        return Failure::Withdrawn { reasons, states, open };
    }
    let mut apart = split(topology, asked);
    let superseded = reasons.iter().any(|reason| matches!(reason, Blocked::Superseded { .. }));
    let open = if superseded { open_after(topology, asked, asker) } else { Vec::new() };
    if !apart.is_empty() && !open.is_empty() {
        finish_others(hands, asked, topology, &open, until).await;
        apart = hands.reader.again(topology).await.map_or(apart, |now| split(&now, asked));
    }
    note_over(hands, asked, asker, topology, until).await;
    Failure::Blocked { reasons, split: apart }
}

/// Reads the load balancer, and once more where a permission was denied: IAM takes changes over with a delay, and a
/// job that was failed for a reason that has gone by the time its event comes again would flip after all.
///
/// # Errors
/// As [`blue_green::aws::observe::Reader::topology`].
pub async fn observe(reader: &Reader, asked: &Parameters) -> Result<Topology, Failure> {
    let read = async || -> Result<Topology, ReadError> {
        let topology = reader.topology(&asked.elb_name, &asked.ports).await?;
        // What nobody names is read from the listeners and the journal together: those must not be of different times.
        if asked.promote_to.is_empty() || asked.action == Action::Check {
            return Ok(reader.tags_again(topology).await?);
        }
        Ok(topology)
    };
    match read().await {
        Err(ReadError::Aws(failure)) if failure.class == Class::Permission => {
            tracing::warn!(reason = %failure, "denied; looking a second time");
            Ok(read().await?)
        }
        read => Ok(read?),
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
pub async fn apply(hands: &Hands, until: Instant, plan: &Plan) -> Result<(), Stopped> {
    let writer = hands.writer(until);
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
