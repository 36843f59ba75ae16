//! The second look: whether the rules are as they were written, and what it means where they are not.

use std::time::{Duration, Instant};

use blue_green::aws::failure::AwsFailure;
use blue_green::intent::{Promotion, marks};
use blue_green::parameters::Parameters;
use blue_green::plan::{Asker, Plan, plan};
use blue_green::report::{self, Report};
use blue_green::safety::pair_of;
use blue_green::topology::Topology;
use blue_green::twins::{Survey, survey};
use jiff::Timestamp;

use crate::failure::Failure;
use crate::flip::{PLAN_LIVES, apply};
use crate::handler::Hands;
use crate::states::{differences, states};

/// How often the rules are read before a difference is believed: whether a read sees the last write is not documented.
const LOOKS: u32 = 4;

/// Reads the rules again and compares them with what is wanted.
pub async fn verify(
    hands: &Hands,
    asked: &Parameters,
    asker: &Asker,
    topology: &Topology,
    applied: &Plan,
) -> Result<Report, Failure> {
    if !applied.moves_traffic() {
        return Ok(done(asker, topology, applied, None));
    }
    let mut unread = None;
    let mut seen = None;
    for look in 0..LOOKS {
        if look > 0 {
            tokio::time::sleep(Duration::from_millis(50) * 2_u32.pow(look)).await;
        }
        match hands.reader.again(topology).await {
            Ok(fresh) if differences(&fresh, asked, &applied.promotions).is_empty() => {
                tracing::info!("verified");
                join_journal(hands, asked, asker, &fresh, applied).await;
                return Ok(done(asker, &fresh, applied, None));
            }
            Ok(fresh) => seen = Some(fresh),
            Err(failure) => unread = Some(failure),
        }
    }
    match seen {
        Some(fresh) => conflict(hands, asked, asker, &fresh, applied).await,
        // Every write was acknowledged: the flip was made, and only the second look failed.
        None => Ok(done(asker, topology, applied, unread)),
    }
}

fn done(asker: &Asker, topology: &Topology, plan: &Plan, unread: Option<AwsFailure>) -> Report {
    let mut summary = report::flipped(topology, plan);
    if let Some(failure) = unread {
        summary = format!("{summary} AWS acknowledged every write, but the rules could not be read again: {failure}.");
    }
    Report::new(asker.flip.as_str(), topology, &plan.promotions, true, plan.changes, summary)
}

/// Another flip to the same group may have written its journal over this one's: then this one joins the earlier ids,
/// or a late copy of it would count as new.
async fn join_journal(hands: &Hands, asked: &Parameters, asker: &Asker, fresh: &Topology, applied: &Plan) {
    let mine = Parameters {
        promote_to: applied.promotions.iter().map(|promotion| promotion.promoted.clone()).collect(),
        ..asked.clone()
    };
    let Ok(joining) = plan(fresh, &Parameters { force: true, ..mine }, asker, Timestamp::now()) else { return };
    for result in hands.writer(Instant::now() + PLAN_LIVES).apply(&joining.journal).await {
        if let Err(failure) = result {
            tracing::warn!(reason = %failure, "could not note this flip beside the other one");
        }
    }
}

/// Somebody else wrote. Where the journal names another flip, that one counts: its flip is finished here, so that two
/// at once never leave the rules split. Where it names this one, a person changed the rules: their change stays.
async fn conflict(hands: &Hands, asked: &Parameters, asker: &Asker, fresh: &Topology, applied: &Plan) -> Result<Report, Failure> {
    let other = survey(fresh, &asked.ports).ok().and_then(|survey| owner(fresh, &survey, &applied.promotions, asker));
    let Some((other, group)) = other else {
        let failure = Failure::Conflict {
            by: "no other flip is in the journal".to_owned(),
            states: differences(fresh, asked, &applied.promotions),
        };
        return Err(failure);
    };
    tracing::warn!(other = %other.flip, "another flip came between; finishing it");
    let theirs = Parameters { promote_to: vec![group], promote_image: None, execution: None, force: true, ..asked.clone() };
    if let Ok(plan) = plan(fresh, &theirs, &other, Timestamp::now()) {
        let rules = Plan { journal: Vec::new(), ..plan };
        if let Err(stopped) = apply(hands, Instant::now() + PLAN_LIVES, &rules).await {
            tracing::error!(reason = %stopped.cause, "could not finish the other flip");
        }
    }
    let now = hands.late_reader.again(fresh).await;
    let states = states(now.as_ref().unwrap_or(fresh), asked, &applied.promotions);
    Err(Failure::Conflict { by: format!("flip {}", other.flip), states })
}

/// The other flip that a journal names, with the group it makes live.
fn owner(fresh: &Topology, survey: &Survey<'_>, promotions: &[Promotion], asker: &Asker) -> Option<(Asker, String)> {
    promotions.iter().find_map(|promotion| {
        let pair = pair_of(survey, promotion)?;
        let flip = marks(fresh, pair)
            .flip
            .filter(|flip| flip.id != asker.flip && flip.names(&pair.first) && flip.names(&pair.second))?;
        let group = if flip.promotes(&pair.first) { &pair.first } else { &pair.second };
        Some((Asker { delivery: flip.id.to_string(), flip: flip.id }, group.clone()))
    })
}
