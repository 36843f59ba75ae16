//! A flip: observe, plan, apply, verify.

use std::time::{Duration, Instant};

use blue_green::aws::failure::{AwsFailure, Class};
use blue_green::aws::observe::ReadError;
use blue_green::intent::{Promotion, marks};
use blue_green::labels::is_live;
use blue_green::parameters::Parameters;
use blue_green::plan::{Asker, Plan, Refusal, Write, plan, plan_back, remember_over, taken_back};
use blue_green::report::{self, Report};
use blue_green::safety::{Blocked, pair_of};
use blue_green::topology::Topology;
use blue_green::twins::{Survey, survey};
use jiff::Timestamp;

use crate::failure::Failure;
use crate::handler::Hands;

/// How long a plan may be applied after its reading began. The deployer waits longer than this between its fence and
/// its second look, so that no plan made before the fence can move a rule after that look.
const PLAN_LIVES: Duration = Duration::from_secs(15);
/// How often the rules are read before a difference is believed: whether a read sees the last write is not documented.
const LOOKS: u32 = 4;

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
struct Halfway {
    topology: Topology,
    plan: Plan,
    cause: AwsFailure,
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
struct Stopped {
    cause: AwsFailure,
    /// Whether the write of a rule had begun.
    moved: bool,
}

/// Applies the phases one after the other, each acknowledged whole before the next begins.
async fn apply(hands: &Hands, until: Instant, plan: &Plan) -> Result<(), Stopped> {
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

/// After a failure that no further try mends: where this run had begun to move live rules, it sets them back. What may
/// pass is left as it is, for the next delivery to finish.
async fn give_up(hands: &Hands, asked: &Parameters, asker: &Asker, halfway: Halfway) -> Failure {
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
async fn set_back(
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
async fn note_over(hands: &Hands, asked: &Parameters, asker: &Asker, topology: &Topology) {
    let writes = remember_over(topology, asked, asker);
    for result in hands.writer(Instant::now() + PLAN_LIVES).apply(&writes).await {
        if let Err(failure) = result {
            tracing::warn!(reason = %failure, "could not note that this job is over");
        }
    }
}

/// Reads the rules again and compares them with what is wanted.
async fn verify(
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

/// Each rule of the promotions with the weights that it has.
fn states(topology: &Topology, asked: &Parameters, promotions: &[Promotion]) -> Vec<String> {
    sides(topology, asked, promotions, |_, _| true)
}

/// The rules that do not serve what is wanted.
fn differences(topology: &Topology, asked: &Parameters, promotions: &[Promotion]) -> Vec<String> {
    sides(topology, asked, promotions, |serves, wanted| !serves(wanted))
}

fn sides(
    topology: &Topology,
    asked: &Parameters,
    promotions: &[Promotion],
    tell: impl Fn(&dyn Fn(&str) -> bool, &str) -> bool,
) -> Vec<String> {
    let Ok(survey) = survey(topology, &asked.ports) else { return vec!["the listeners cannot be paired any more".to_owned()] };
    let mut told = Vec::new();
    for promotion in promotions {
        let twins = pair_of(&survey, promotion).and_then(|pair| survey.pairs.get(pair)).into_iter().flatten();
        for twin in twins.map(|index| &survey.twins[*index]) {
            for (side, wanted) in [(twin.live, &promotion.promoted), (twin.test, &promotion.retired)] {
                if tell(&|group| side.forward.serves_only(group), wanted) {
                    told.push(format!("{} forwards to {}", side.describe(), topology.weights(side.forward)));
                }
            }
        }
    }
    told
}

/// Each rule, where the rules of a pair do not all say the same.
fn split(topology: &Topology, asked: &Parameters) -> Vec<String> {
    let Ok(survey) = survey(topology, &asked.ports) else { return Vec::new() };
    let apart = survey.pairs.keys().filter(|pair| is_live(&survey, pair, &pair.first).is_none());
    let promotions: Vec<Promotion> =
        apart.map(|pair| Promotion { promoted: pair.first.clone(), retired: pair.second.clone(), finishes: None }).collect();
    states(topology, asked, &promotions)
}

/// What was to be written, where nothing can be read any more.
fn planned(plan: &Plan) -> Vec<String> {
    plan.rules().map(|write| format!("{write} (not known whether it was done)")).collect()
}
