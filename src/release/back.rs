//! The way back, and how a delivery that ended without a flip is remembered.

use jiff::{SignedDuration, Timestamp};

use crate::asked::parameters::Parameters;
use crate::plan::labels::is_live;
use crate::plan::tags::{Author, is_production, remember};
use crate::plan::{Asker, Plan, Write, write_promotion};
use crate::release::guard::{Blocked, is_made, is_undone, may_be_finished, pair_of, twins_of};
use crate::release::intent::{self, Promotion, Standing, journalled, standing};
use crate::release::journal::FlipId;
use crate::seen::pairs::Pair;
use crate::seen::topology::{Forward, Topology};
use crate::seen::twins::{Survey, survey};
use crate::seen::unfit::Unfit;

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
        let back = promotion.back();
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
        let (_, back) = journalled(topology, pair).filter(|(flip, _)| flip.id == over)?;
        (!is_undone(topology, &found, &back)).then(|| back.back())
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

/// The promotions of this flip, where an earlier delivery began to move live rules and did not come to the end: its
/// journal stands and some live rules serve the promoted group, others the retired one. A flip that was made is not among
/// them, whatever its labels say since.
#[must_use]
pub fn begun(topology: &Topology, asked: &Parameters, asker: &Asker) -> Vec<Promotion> {
    let Ok(found) = survey(topology, &asked.ports) else { return Vec::new() };
    let Ok(promotions) = intent::resolve(topology, &found, &asked.promote_to, &asker.flip) else { return Vec::new() };
    let mine = current(topology, asked, &promotions, asker);
    let all = |group: fn(&Promotion) -> &String| {
        mine.iter()
            .all(|promotion| pair_of(&found, promotion).and_then(|pair| is_live(&found, pair, group(promotion))) == Some(true))
    };
    let (made, unmoved) = (all(|promotion| &promotion.promoted), all(|promotion| &promotion.retired));
    // The labels are written last: where they tell that it was made, a person has moved the rules since.
    let told = mine.iter().all(|promotion| is_made(topology, promotion));
    if made || unmoved || told { Vec::new() } else { mine }
}

/// How long a flip may be followed by writes of one that it overtook: its deliveries end within CodePipeline's 20 minutes.
const OVERTAKEN: SignedDuration = SignedDuration::from_mins(20);

/// The pairs in which something came after this flip that is to be finished where rules are apart: a flip of which
/// the labels, which are written last, do not say that it was made; or one so late that a write of this very flip may
/// have come after it. A request that kept its group live wrote no rule: only the latter counts, and not where the
/// labels say that the flip which it ended came to its end all the same. A rule that shares its traffic is a person's:
/// such pairs are left, and so is a group that may not be live.
#[must_use]
pub fn open_after(topology: &Topology, asked: &Parameters, asker: &Asker, now: Timestamp) -> Vec<Pair> {
    let Ok(found) = survey(topology, &asked.ports) else { return Vec::new() };
    let earlier = |pair: &&Pair| matches!(standing(topology, pair, &asker.flip), Standing::Earlier { .. });
    let whole = |pair: &Pair, forward: &Forward| [&pair.first, &pair.second].into_iter().any(|arn| forward.serves_only(arn));
    let by_flips =
        |pair: &&Pair| found.twins_of(pair).flat_map(|twin| [&twin.live, &twin.test]).all(|side| whole(pair, side.forward));
    let open = |pair: &&Pair| {
        journalled(topology, pair).is_some_and(|(flip, promotion)| {
            let late = now.duration_since(flip.time) < OVERTAKEN;
            let open = match flip.id.is_kept() {
                true => late && !is_made(topology, &promotion.back()),
                false => late || !is_made(topology, &promotion),
            };
            // All live rules the other way round: that was a person.
            let by_hand = is_live(&found, pair, &promotion.retired) == Some(true);
            let as_wanted = twins_of(&found, &promotion).iter().all(|twin| {
                twin.live.forward.serves_only(&promotion.promoted) && twin.test.forward.serves_only(&promotion.retired)
            });
            open && !as_wanted && !by_hand && may_be_finished(topology, &promotion)
        })
    };
    found.pairs.keys().filter(earlier).filter(by_flips).filter(open).cloned().collect()
}

/// The pairs of this flip in which the journal is not its own any more. Other services' flips are not its business.
#[must_use]
pub fn rivals(topology: &Topology, asked: &Parameters, asker: &Asker) -> Vec<Pair> {
    let Ok(found) = survey(topology, &asked.ports) else { return Vec::new() };
    let rival = |pair: &&Pair| match standing(topology, pair, &asker.flip) {
        Standing::Current => false,
        Standing::Earlier { .. } => true,
        Standing::New => mentions(asked, topology, pair),
    };
    found.pairs.keys().filter(rival).cloned().collect()
}

/// Whether a request concerns a pair: it names one of the two groups, or names none, and so means the only pair.
fn mentions(asked: &Parameters, topology: &Topology, pair: &Pair) -> bool {
    let names = |arn: &str| {
        let group = topology.group(arn);
        let called = [Some(arn), group.map(|group| group.name.as_str()), group.and_then(|group| group.identifier())];
        asked.promote_to.iter().any(|wanted| called.contains(&Some(wanted.as_str())))
    };
    asked.promote_to.is_empty() || names(&pair.first) || names(&pair.second)
}

/// Puts a flip that was made among the earlier ids of its pair, where nothing there knows it.
#[must_use]
pub fn join(topology: &Topology, asked: &Parameters, promotion: &Promotion, id: &FlipId) -> Option<Write> {
    let found = survey(topology, &asked.ports).ok()?;
    remember(topology, &found, promotion, id, &promotion.promoted)
}

/// The writes that bring the labels of promotions in line which were made.
#[must_use]
pub fn labels(topology: &Topology, promotions: &[Promotion]) -> Vec<Write> {
    is_production(topology, promotions, &[])
}

/// Plans the rules and the labels of a promotion, without a journal of its own and without a guard: it was journalled,
/// and guarded, by the request that it is finished for.
///
/// # Errors
/// An [`Unfit`] where the listeners changed so far that there are no pairs any more.
pub fn finish(topology: &Topology, asked: &Parameters, promotion: Promotion, now: Timestamp) -> Result<Plan, Unfit> {
    let found = survey(topology, &asked.ports)?;
    let id = &FlipId::over("");
    let mut plan = Plan::default();
    write_promotion(topology, &found, &promotion, &Author { id, instead_of: None, now }, &mut plan);
    plan.promotions.push(promotion);
    plan.rest.extend(is_production(topology, &plan.promotions, &plan.journal));
    plan.journal.clear();
    Ok(plan)
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
