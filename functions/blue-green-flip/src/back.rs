//! The way back: what becomes of a flip that cannot be finished, or may not be made.

use std::time::Instant;

use blue_green::aws::failure::Class;
use blue_green::back::{plan_back, remember_over};
use blue_green::intent::Promotion;
use blue_green::parameters::Parameters;
use blue_green::plan::Asker;
use blue_green::topology::Topology;
use jiff::Timestamp;

use crate::failure::Failure;
use crate::flip::{Halfway, PLAN_LIVES, apply};
use crate::handler::Hands;
use crate::states::{planned, states};

/// After a failure that no further try mends: where this run had begun to move live rules, it sets them back. What may
/// pass is left as it is, for the next delivery to finish.
pub async fn give_up(hands: &Hands, asked: &Parameters, asker: &Asker, halfway: Halfway) -> Failure {
    let Halfway { topology, plan, cause } = halfway;
    let began = Instant::now();
    let next = "Another delivery of this job, or a Retry with the same Execution, finishes it".to_owned();
    let Ok(now) = hands.late_reader.topology(&asked.elb_name, &asked.ports).await else {
        return Failure::HalfDone { cause, states: planned(&plan), next };
    };
    if (cause.class == Class::Transient && hands.is_late()) || plan.live.is_empty() {
        return Failure::HalfDone { cause, states: states(&now, asked, &plan.promotions), next };
    }
    match set_back(hands, began + PLAN_LIVES, asked, asker, &now, &plan.promotions).await {
        Ok(states) => Failure::TakenBack { cause, states },
        Err(second) => {
            tracing::error!(reason = second, "could not set the rules back");
            let now = hands.late_reader.again(&now).await.unwrap_or(topology);
            Failure::HalfDone { cause, states: states(&now, asked, &plan.promotions), next }
        }
    }
}

/// Sets rules back and says how they are now.
pub async fn set_back(
    hands: &Hands,
    until: Instant,
    asked: &Parameters,
    asker: &Asker,
    topology: &Topology,
    promotions: &[Promotion],
) -> Result<Vec<String>, String> {
    let back = plan_back(topology, asked, promotions, asker, Timestamp::now()).map_err(|unfit| unfit.to_string())?;
    tracing::warn!(writes = back.rules().count(), "setting rules back");
    apply(hands, until, &back).await.map_err(|stopped| stopped.cause.to_string())?;
    let now = hands.reader.again(topology).await.map_err(|failure| failure.to_string())?;
    Ok(states(&now, asked, promotions))
}

/// A job that ends without a flip is remembered as over, so that a late copy of its event does not flip when the reason
/// is gone. That it could not be noted changes nothing in what is reported.
pub async fn note_over(hands: &Hands, asked: &Parameters, asker: &Asker, topology: &Topology) {
    let writes = remember_over(topology, asked, asker);
    for result in hands.writer(Instant::now() + PLAN_LIVES).apply(&writes).await {
        if let Err(failure) = result {
            tracing::warn!(reason = %failure, "could not note that this job is over");
        }
    }
}
