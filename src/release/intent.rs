//! Intent: which groups are to be live. Absolute, never "toggle": applied once or ten times, the result is the same.

use crate::release::id::FlipId;
use crate::release::journal::Journal;
use crate::seen::group::TargetGroup;
use crate::seen::pair::Pair;
use crate::seen::setup_error::SetupError;
use crate::seen::side::Side;
use crate::seen::survey::Survey;
use crate::seen::topology::{Serves, Topology};

/// One pair that a request is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The pair.
    pub pair: Pair,
    /// The group to make live; none where the request names none: then the table says it.
    pub target: Option<Side>,
}

/// Which pairs a request is about: those that hold a group that `PromoteTo` names, or else the only one. A pair with
/// records of this very flip stays in the request, also where `PromoteTo` does not find it any more.
///
/// # Errors
/// Where the request does not say enough, or names what is not there: the [`SetupError`] says how to go on.
pub fn resolve(topology: &Topology, survey: &Survey<'_>, promote_to: &[String], id: &FlipId) -> Result<Vec<Wanted>, SetupError> {
    let recorded = |pair: &Pair| Journal::of_pair(topology, pair).of(id).map(|(side, _)| *side);
    let recorded: Vec<Wanted> = survey
        .pairs
        .keys()
        .filter_map(|pair| recorded(pair).map(|side| Wanted { pair: pair.clone(), target: Some(side) }))
        .collect();
    let asked = if promote_to.is_empty() { only(topology, survey) } else { named(topology, survey, promote_to) };
    let mut wanted = match asked {
        Ok(wanted) => wanted,
        Err(_) if !recorded.is_empty() => Vec::new(),
        Err(setup_error) => return Err(setup_error),
    };
    wanted.extend(
        recorded.into_iter().filter(|recorded| wanted.iter().all(|wanted| wanted.pair != recorded.pair)).collect::<Vec<_>>(),
    );
    Ok(wanted)
}

/// The only pair, where nobody names one.
fn only(topology: &Topology, survey: &Survey<'_>) -> Result<Vec<Wanted>, SetupError> {
    // Where pairs are ambiguous there is more than one service, of which nobody says which is meant.
    if let Some((_, ambiguous)) = survey.ambiguous.first() {
        return Err(ambiguous.clone());
    }
    let mut pairs = survey.pairs.keys();
    match (pairs.next(), pairs.next()) {
        (Some(pair), None) => Ok(vec![Wanted { pair: pair.clone(), target: None }]),
        (Some(_), Some(_)) => Err(SetupError::SeveralPairs {
            load_balancer: topology.name.clone(),
            pairs: survey.pairs.keys().map(|pair| describe_pair(topology, survey, pair)).collect(),
        }),
        (None, _) => Err(survey.without_pairs(topology)),
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

fn named(topology: &Topology, survey: &Survey<'_>, names: &[String]) -> Result<Vec<Wanted>, SetupError> {
    let mut found: Vec<Wanted> = Vec::new();
    for name in names {
        let (pair, promoted) = find(topology, survey, name)?;
        let wanted = Wanted { pair: pair.clone(), target: pair.side(promoted) };
        if found.iter().any(|other| other.pair == wanted.pair && other.target != wanted.target) {
            return Err(SetupError::BothOfPair(topology.describe(promoted), topology.describe(pair.other(promoted))));
        }
        if !found.contains(&wanted) {
            found.push(wanted);
        }
    }
    Ok(found)
}

fn find<'s>(topology: &Topology, survey: &'s Survey<'_>, wanted: &str) -> Result<(&'s Pair, &'s str), SetupError> {
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
        several => Err(SetupError::AmbiguousGroup {
            wanted: wanted.to_owned(),
            known: several.iter().map(|(_, arn)| topology.describe(arn)).collect(),
        }),
    }
}

/// Why no pair holds what `PromoteTo` names: the group is there and nothing names its partner, or it is not there.
fn without_pair(topology: &Topology, survey: &Survey<'_>, wanted: &str) -> SetupError {
    let is_wanted =
        |group: &&TargetGroup| [&group.arn, &group.name].contains(&&wanted.to_owned()) || group.identifier() == Some(wanted);
    let there = topology.groups.values().filter(is_wanted).find_map(|group| survey.cannot_move(topology, &group.arn));
    there.unwrap_or_else(|| match survey.pairs.is_empty() {
        true => survey.without_pairs(topology),
        false => SetupError::UnknownGroup {
            wanted: wanted.to_owned(),
            load_balancer: topology.name.clone(),
            known: survey.pairs.keys().flat_map(|pair| [&pair.first, &pair.second]).map(|arn| topology.describe(arn)).collect(),
        },
    })
}
