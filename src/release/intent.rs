//! Intent: which groups are to be live. Absolute, never "toggle": applied once or ten times, the result is the same.

use serde::Serialize;

use crate::release::guard::is_made;
use crate::release::journal::{Flip, FlipId, Marks, group_mark};
use crate::seen::pairs::{self, Pair};
use crate::seen::topology::{Forward, Serves, TargetGroup, Topology, arn_tail};
use crate::seen::twins::{Survey, Twin};
use crate::seen::unfit::Unfit;

/// One group that becomes live and its partner that stops being live.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Promotion {
    /// The ARN of the group that becomes live.
    pub promoted: String,
    /// The ARN of the group that stops being live.
    pub retired: String,
    /// The earlier flip that this one finishes, where it does: whose it was.
    pub finishes: Option<String>,
}

impl Promotion {
    /// Makes one group of a pair live.
    #[must_use]
    pub fn of(pair: &Pair, promoted: &str) -> Self {
        Self { promoted: promoted.to_owned(), retired: pair.other(promoted).to_owned(), finishes: None }
    }

    /// The way back.
    #[must_use]
    pub fn back(&self) -> Self {
        Self { promoted: self.retired.clone(), retired: self.promoted.clone(), finishes: None }
    }
}

/// What the journal of a pair says about one flip id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nobody has seen this id.
    New,
    /// It is the flip that the journal names.
    Current,
    /// It is an earlier one, which asked for this group (where the pair still has it).
    Earlier {
        /// The ARN of the group it asked for.
        promoted: Option<String>,
    },
}

/// Reads a pair's journal for one flip id.
#[must_use]
pub fn standing(topology: &Topology, pair: &Pair, id: &FlipId) -> Standing {
    if journalled(topology, pair).is_some_and(|(flip, _)| flip.id == *id) {
        return Standing::Current;
    }
    match marks(topology, pair).past.find(id) {
        None => Standing::New,
        Some(mark) => {
            let promoted = [&pair.first, &pair.second].into_iter().find(|arn| group_mark(arn_tail(arn)) == mark);
            Standing::Earlier { promoted: promoted.cloned() }
        }
    }
}

/// What the journals of a pair say.
#[must_use]
pub fn marks(topology: &Topology, pair: &Pair) -> Marks {
    match (topology.group(&pair.first), topology.group(&pair.second)) {
        (Some(first), Some(second)) => Marks::of_pair(first, second),
        _ => Marks::default(),
    }
}

/// The flip that the journal of a pair names, and what it promotes; none where it is about other groups.
#[must_use]
pub fn journalled(topology: &Topology, pair: &Pair) -> Option<(Flip, Promotion)> {
    let flip = marks(topology, pair).flip.filter(|flip| flip.names(&pair.first) && flip.names(&pair.second))?;
    let promoted = if flip.promotes(&pair.first) { &pair.first } else { &pair.second };
    let promotion = Promotion::of(pair, promoted);
    Some((flip, promotion))
}

/// Decides which groups are to be live.
///
/// In this order: `PromoteTo`; the journal of this flip id; a flip somebody left half-done; what the test listener
/// forwards to now.
///
/// # Errors
/// Where the request does not say enough, or names what is not there: the [`Unfit`] tells how to go on.
pub fn resolve(topology: &Topology, survey: &Survey<'_>, promote_to: &[String], id: &FlipId) -> Result<Vec<Promotion>, Unfit> {
    if !promote_to.is_empty() {
        return named(topology, survey, promote_to);
    }
    // Where groups are tangled there is more than one service, of which nobody says which is meant.
    if let Some((_, tangled)) = survey.tangled.first() {
        return Err(tangled.clone());
    }
    let mut pairs = survey.pairs.iter();
    match (pairs.next(), pairs.next()) {
        (Some((pair, _)), None) => {
            let twins: Vec<&Twin<'_>> = survey.twins_of(pair).collect();
            from_test(topology, pair, &twins, id).map(|promotion| vec![promotion])
        }
        (Some(_), Some(_)) => Err(Unfit::SeveralPairs {
            load_balancer: topology.name.clone(),
            pairs: survey.pairs.keys().map(|pair| describe_pair(topology, survey, pair)).collect(),
        }),
        (None, _) => Err(pairs::none(topology, survey)),
    }
}

/// A pair for a message: its two groups and, where it is clear, which one is live.
fn describe_pair(topology: &Topology, survey: &Survey<'_>, pair: &Pair) -> String {
    let live = survey.twins_of(pair).find_map(|twin| match twin.live.forward.serves() {
        Serves::One(group) => Some(group),
        Serves::Mixed => None,
    });
    let name = |arn: &str| {
        topology.group(arn).map_or_else(
            || arn.to_owned(),
            |group| match group.identifier() {
                Some(identifier) => format!("{} ({identifier})", group.name),
                None => group.name.clone(),
            },
        )
    };
    match live {
        Some(live) if pair.holds(live) => format!("{} live, {} on test", name(live), name(pair.other(live))),
        _ => format!("{} and {}", name(&pair.first), name(&pair.second)),
    }
}

fn named(topology: &Topology, survey: &Survey<'_>, wanted: &[String]) -> Result<Vec<Promotion>, Unfit> {
    let mut promotions: Vec<Promotion> = Vec::new();
    for name in wanted {
        let (pair, promoted) = find(topology, survey, name)?;
        let promotion = Promotion::of(pair, promoted);
        if promotions.iter().any(|other| other.retired == promotion.promoted) {
            return Err(Unfit::BothOfPair(topology.describe(&promotion.promoted), topology.describe(&promotion.retired)));
        }
        if !promotions.contains(&promotion) {
            promotions.push(promotion);
        }
    }
    Ok(promotions)
}

fn find<'s>(topology: &Topology, survey: &'s Survey<'_>, wanted: &str) -> Result<(&'s Pair, &'s str), Unfit> {
    let sides = || survey.pairs.keys().flat_map(|pair| [(pair, pair.first.as_str()), (pair, pair.second.as_str())]);
    let matching = |matches: &dyn Fn(&str) -> bool| sides().filter(|(_, arn)| matches(arn)).collect::<Vec<_>>();
    // A name or an ARN is exact; an Identifier may be shared by the pairs of several services.
    let mut found = matching(&|arn| arn == wanted || topology.group(arn).is_some_and(|group| group.name == wanted));
    if found.is_empty() {
        found = matching(&|arn| topology.group(arn).and_then(|group| group.identifier()) == Some(wanted));
    }
    match found.as_slice() {
        [only] => Ok(*only),
        [] => Err(without_pair(topology, survey, wanted)),
        several => Err(Unfit::AmbiguousGroup {
            wanted: wanted.to_owned(),
            known: several.iter().map(|(_, arn)| topology.describe(arn)).collect(),
        }),
    }
}

/// Why no pair holds what `PromoteTo` names: the group is there and nothing tells its partner, or it is not there.
fn without_pair(topology: &Topology, survey: &Survey<'_>, wanted: &str) -> Unfit {
    let is_wanted =
        |group: &&TargetGroup| [&group.arn, &group.name].contains(&&wanted.to_owned()) || group.identifier() == Some(wanted);
    let there = topology.groups.values().filter(is_wanted).find_map(|group| pairs::stray(topology, survey, &group.arn));
    there.unwrap_or_else(|| match survey.pairs.is_empty() {
        true => pairs::none(topology, survey),
        false => Unfit::UnknownGroup {
            wanted: wanted.to_owned(),
            load_balancer: topology.name.clone(),
            known: survey.pairs.keys().flat_map(|pair| [&pair.first, &pair.second]).map(|arn| topology.describe(arn)).collect(),
        },
    })
}

/// Which group of a pair each twin's sides serve: what the intent is read from where nobody names it.
fn from_test(topology: &Topology, pair: &Pair, twins: &[&Twin<'_>], id: &FlipId) -> Result<Promotion, Unfit> {
    let journalled = journalled(topology, pair);
    match (standing(topology, pair, id), &journalled) {
        (Standing::Current, Some((_, promotion))) => return Ok(promotion.clone()),
        (Standing::Earlier { promoted: Some(promoted) }, _) => return Ok(Promotion::of(pair, &promoted)),
        _ => {}
    }
    // All twins the same way round: the flip is to be made. Otherwise somebody left it half-done.
    for live in [&pair.first, &pair.second] {
        let test = pair.other(live);
        if twins.iter().all(|twin| twin.live.forward.serves_only(live) && twin.test.forward.serves_only(test)) {
            return Ok(Promotion::of(pair, test));
        }
    }
    if let Some((flip, promotion)) = journalled {
        // A way back that died halfway was for an event that is over; who asks now wants what that flip was for.
        let half_done = !flip.id.is_kept() && !is_made(topology, &promotion);
        return Ok(match flip.id.is_over() {
            true => promotion.back(),
            false => Promotion { finishes: half_done.then(|| flip.id.to_string()), ..promotion },
        });
    }
    undecided(topology, pair, twins)
}

fn undecided(topology: &Topology, pair: &Pair, twins: &[&Twin<'_>]) -> Result<Promotion, Unfit> {
    let short = |arn: &str| topology.short(arn).to_owned();
    for group in [&pair.first, &pair.second] {
        if twins.iter().all(|twin| twin.live.forward.serves_only(group) && twin.test.forward.serves_only(group)) {
            return Err(Unfit::Undecided {
                group: topology.describe(group),
                live: short(group),
                other: short(pair.other(group)),
            });
        }
    }
    // Shared weights are a refusal with its numbers, not a question: let the guard tell it.
    let mixed = twins.iter().flat_map(|twin| [twin.live, twin.test]).any(|side| side.forward.serves() == Serves::Mixed);
    let served = |forward: &Forward| match forward.serves() {
        Serves::One(group) if pair.holds(group) => Some(group.to_owned()),
        _ => None,
    };
    let on_test = twins.iter().find_map(|twin| served(twin.test.forward));
    let not_live = || twins.iter().find_map(|twin| served(twin.live.forward)).map(|live| pair.other(&live).to_owned());
    if let (true, Some(promoted)) = (mixed, on_test.or_else(not_live)) {
        return Ok(Promotion::of(pair, &promoted));
    }
    let rules = twins.iter().flat_map(|twin| [twin.live, twin.test]);
    Err(Unfit::Disagree {
        rules: rules.map(|side| format!("{} forwards to {}", side.describe(), topology.weights(side.forward))).collect(),
        choices: vec![short(&pair.first), short(&pair.second)],
    })
}
