//! A flip: observe, plan, apply, verify.

use std::time::{Duration, Instant};

use blue_green::aws::failure::{AwsFailure, Class};
use blue_green::aws::observe::ReadError;
use blue_green::back::taken_back;
use blue_green::parameters::Parameters;
use blue_green::plan::{Asker, Plan, Refusal, Write, plan};
use blue_green::report::Report;
use blue_green::safety::Blocked;
use blue_green::topology::Topology;
use jiff::Timestamp;

use crate::back::{give_up, note_over, set_back};
use crate::failure::Failure;
use crate::handler::Hands;
use crate::states::split;
use crate::verify::verify;

/// How long a plan may be applied after its reading began. The deployer waits longer than this between its fence and
/// its second look, so that no plan made before the fence can move a rule after that look.
pub const PLAN_LIVES: Duration = Duration::from_secs(15);

/// Makes the flip that is asked for.
///
/// # Errors
/// A [`Failure`] that says what was found, what was expected and how the rules are now.
pub async fn flip(hands: &Hands, asked: &Parameters, asker: &Asker) -> Result<Report, Failure> {
    let mut halfway: Option<Halfway> = None;
    loop {
        let began = Instant::now();
        let planned = match observe(hands, asked).await {
            Ok(topology) => {
                tracing::info!(listeners = topology.listeners.len(), groups = topology.groups.len(), "observed");
                match plan(&topology, asked, asker, Timestamp::now()) {
                    Ok(plan) => Ok((topology, plan)),
                    Err(refusal) => Err(refused(hands, asked, asker, &topology, refusal, halfway.is_none()).await),
                }
            }
            Err(failure) => Err(failure),
        };
        let (topology, plan) = match (planned, halfway.take()) {
            (Ok(planned), _) => planned,
            (Err(failure), None) => return Err(failure),
            (Err(_), Some(halfway)) => return Err(give_up(hands, asked, asker, halfway).await),
        };
        tracing::info!(writes = plan.phases().iter().map(|(_, writes)| writes.len()).sum::<usize>(), "planned");
        match apply(hands, began + PLAN_LIVES, &plan).await {
            Ok(()) => return verify(hands, asked, asker, &topology, &plan).await,
            Err(Stopped { cause, moved }) => {
                let again = cause.class == Class::Transient && !hands.is_late();
                if again {
                    tracing::warn!(reason = %cause, "not applied in time; reading again");
                }
                match (moved, again) {
                    (false, true) => {}
                    (false, false) => {
                        let failure = Failure::Aws(cause);
                        note_over(hands, asked, asker, &topology).await;
                        return Err(failure);
                    }
                    (true, true) => halfway = Some(Halfway { topology, plan, cause }),
                    (true, false) => return Err(give_up(hands, asked, asker, Halfway { topology, plan, cause }).await),
                }
            }
        }
    }
}

/// A flip of which rules may have been written, and others not.
pub struct Halfway {
    pub topology: Topology,
    pub plan: Plan,
    pub cause: AwsFailure,
}

/// A refusal, told with the state of the rules where an earlier delivery left them apart. A job that ends so is
/// remembered as over, or, where it was over, the way back that an earlier delivery began is finished.
async fn refused(
    hands: &Hands,
    asked: &Parameters,
    asker: &Asker,
    topology: &Topology,
    refusal: Refusal,
    first: bool,
) -> Failure {
    let blocked = match refusal {
        Refusal::Unfit(unfit) => return Failure::Unfit(unfit),
        Refusal::Blocked(blocked) => blocked,
    };
    if blocked.iter().any(|reason| matches!(reason, Blocked::Over { .. })) {
        let promotions = taken_back(topology, asked, asker);
        if let Err(reason) = set_back(hands, Instant::now() + PLAN_LIVES, asked, asker, topology, &promotions).await {
            tracing::error!(reason, "could not set the rules back");
        }
    } else if first {
        note_over(hands, asked, asker, topology).await;
    }
    Failure::Blocked { reasons: blocked, split: split(topology, asked) }
}

/// Reads the load balancer, and once more where a permission was denied: IAM takes changes over with a delay, and a
/// job that was failed for a reason that has gone by the time its event comes again would flip after all.
///
/// # Errors
/// As [`blue_green::aws::observe::Reader::topology`].
pub async fn observe(hands: &Hands, asked: &Parameters) -> Result<Topology, Failure> {
    let read = || hands.reader.topology(&asked.elb_name, &asked.ports);
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
