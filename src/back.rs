//! The way back, and how a delivery that ended without a flip is remembered.

use jiff::Timestamp;

use crate::intent::{self, Promotion, Standing, marks, standing};
use crate::journal::FlipId;
use crate::labels::is_live;
use crate::pairs::Pair;
use crate::parameters::Parameters;
use crate::plan::{Asker, Plan, Write, write_promotion};
use crate::safety::{Blocked, is_made, pair_of};
use crate::tags::{Author, is_production, remember};
use crate::topology::Topology;
use crate::twins::{Survey, survey};
use crate::unfit::Unfit;

/// Plans the way back: every pair of `promotions` is turned round again, under the id that remembers the delivery as
/// over. Not guarded: the group that it makes live was live a moment ago.
///
/// # Errors
/// An [`Unfit`] where the listeners changed so far that there are no pairs any more.
pub fn plan_back(
    topology: &Topology,
    asked: &Parameters,
    promotions: &[Promotion],
    asker: &Asker,
    now: Timestamp,
) -> Result<Plan, Unfit> {
    let found = survey(topology, &asked.ports)?;
    let over = FlipId::over(&asker.delivery);
    let mut plan = Plan::default();
    for promotion in promotions {
        let back = Promotion { promoted: promotion.retired.clone(), retired: promotion.promoted.clone(), finishes: None };
        write_promotion(topology, &found, &back, &Author { id: &over, instead_of: Some(&asker.flip), now }, &mut plan);
        plan.promotions.push(back);
    }
    plan.rest.extend(is_production(topology, &plan.promotions, &plan.journal));
    Ok(plan)
}

/// The promotions that this delivery began to take back and did not finish, as journal and labels tell. What was taken
/// back whole and changed by hand since is not among them.
#[must_use]
pub fn taken_back(topology: &Topology, asked: &Parameters, asker: &Asker) -> Vec<Promotion> {
    let Ok(found) = survey(topology, &asked.ports) else { return Vec::new() };
    let over = FlipId::over(&asker.delivery);
    let of = |pair: &Pair| {
        let flip =
            marks(topology, pair).flip.filter(|flip| flip.id == over && flip.names(&pair.first) && flip.names(&pair.second))?;
        let live = if flip.promotes(&pair.first) { &pair.first } else { &pair.second };
        let back = Promotion { promoted: live.clone(), retired: pair.other(live).to_owned(), finishes: None };
        let undone = is_made(topology, &back) && is_live(&found, pair, &back.retired) == Some(true);
        (!undone).then_some(Promotion { promoted: back.retired, retired: back.promoted, finishes: None })
    };
    found.pairs.keys().filter_map(of).collect()
}

/// The promotions for which this flip's journal stands: only those are its to finish or to set back. A group that was live
/// already is not among them.
#[must_use]
pub fn current(topology: &Topology, asked: &Parameters, promotions: &[Promotion], asker: &Asker) -> Vec<Promotion> {
    let Ok(found) = survey(topology, &asked.ports) else { return Vec::new() };
    let stands = |promotion: &&Promotion| {
        pair_of(&found, promotion).is_some_and(|pair| standing(topology, pair, &asker.flip) == Standing::Current)
    };
    promotions.iter().filter(stands).cloned().collect()
}

/// Remembers a refused delivery as over, so that a late copy of its event does not flip when the reason is gone.
#[must_use]
pub fn remember_over(topology: &Topology, asked: &Parameters, asker: &Asker) -> Vec<Write> {
    let Ok(found) = survey(topology, &asked.ports) else { return Vec::new() };
    let Ok(promotions) = intent::resolve(topology, &found, &asked.promote_to, &asker.flip) else { return Vec::new() };
    let over = FlipId::over(&asker.delivery);
    promotions.iter().filter_map(|promotion| remember(topology, &found, promotion, &over, &promotion.retired)).collect()
}

/// Whether an earlier delivery of this event ended without a flip.
pub(crate) fn over(topology: &Topology, survey: &Survey<'_>, promotion: &Promotion, delivery: &str) -> Option<Blocked> {
    let pair = pair_of(survey, promotion)?;
    let live = [&pair.first, &pair.second].into_iter().find(|arn| is_live(survey, pair, arn) == Some(true));
    let live = live.map_or_else(|| "no group everywhere".to_owned(), |arn| topology.describe(arn));
    (standing(topology, pair, &FlipId::over(delivery)) != Standing::New).then(|| Blocked::Over { job: delivery.to_owned(), live })
}
