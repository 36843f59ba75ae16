//! Which groups are a pair, as the twins say.

use std::collections::{BTreeMap, BTreeSet};

use crate::seen::group::arn_tail;
use crate::seen::pair::Pair;
use crate::seen::setup_error::SetupError;
use crate::seen::topology::{Forward, Serves, Topology};
use crate::seen::twins::Twin;

/// The pairs, and the twins that belong to none, by their indices.
#[derive(Default)]
pub(crate) struct Pairing {
    pub pairs: BTreeMap<Pair, Vec<usize>>,
    /// Nothing says their pair.
    pub unpaired: Vec<usize>,
    /// Their groups are opposite several others.
    pub ambiguous: Vec<(usize, SetupError)>,
}

/// Finds the pairs. The twins that serve two different groups say who is opposite whom; so do those that serve one
/// on both ports while one other stands by at weight 0. Then each twin goes to the pair of the groups that it serves,
/// and one whose group has no partner anywhere to the pair that the group's partner tag names.
pub(crate) fn pairing(topology: &Topology, twins: &[Twin<'_>]) -> Pairing {
    let mut partners = Partners::default();
    for (live, test) in twins.iter().filter_map(opposed) {
        partners.meet(live, test);
    }
    let standing_by = twins.iter().filter(|twin| opposed(twin).is_none()).filter_map(|twin| match named(twin)[..] {
        [one, other] => Some((one, other)),
        _ => None,
    });
    let strangers: Vec<(&str, &str)> =
        standing_by.filter(|(one, other)| partners.of(one).is_empty() && partners.of(other).is_empty()).collect();
    for (one, other) in strangers {
        partners.meet(one, other);
    }
    let mut found = Pairing::default();
    for (index, twin) in twins.iter().enumerate() {
        match partners.pair_of(topology, twin) {
            Ok(Some(pair)) => found.pairs.entry(pair).or_default().push(index),
            Ok(None) => found.unpaired.push(index),
            Err(setup_error) => found.ambiguous.push((index, setup_error)),
        }
    }
    found
}

/// The two groups that a twin serves, where each side serves one and they differ.
fn opposed<'a>(twin: &Twin<'a>) -> Option<(&'a str, &'a str)> {
    match (twin.live.forward.serves(), twin.test.forward.serves()) {
        (Serves::One(live), Serves::One(test)) if live != test => Some((live, test)),
        _ => None,
    }
}

/// The groups that a twin names, at any weight.
fn named<'a>(twin: &Twin<'a>) -> Vec<&'a str> {
    let named: BTreeSet<&str> = twin.live.forward.groups().chain(twin.test.forward.groups()).collect();
    named.into_iter().collect()
}

/// Which groups are opposite which.
#[derive(Default)]
struct Partners<'a>(BTreeMap<&'a str, BTreeSet<&'a str>>);

impl<'a> Partners<'a> {
    fn meet(&mut self, one: &'a str, other: &'a str) {
        self.0.entry(one).or_default().insert(other);
        self.0.entry(other).or_default().insert(one);
    }

    fn of(&self, group: &str) -> Vec<&'a str> {
        self.0.get(group).into_iter().flatten().copied().collect()
    }

    /// The pair that a twin belongs to; none where nothing says it.
    fn pair_of(&self, topology: &Topology, twin: &Twin<'_>) -> Result<Option<Pair>, SetupError> {
        let sends = |group: &&str| [twin.live, twin.test].iter().any(|side| side.forward.sends_to(group));
        let mut sent: Vec<&str> = named(twin).into_iter().filter(sends).collect();
        if sent.is_empty() {
            sent = named(twin);
        }
        if let Some(group) = sent.iter().find(|group| self.of(group).len() > 1) {
            return Err(SetupError::Ambiguous {
                group: topology.describe(group),
                others: self.of(group).into_iter().map(|other| topology.describe(other)).collect(),
                rule: twin.live.describe(),
            });
        }
        let pairs: BTreeSet<Pair> =
            sent.iter().flat_map(|group| self.of(group).into_iter().map(|other| Pair::new(group, other))).collect();
        let mut pairs = pairs.into_iter();
        match (pairs.next(), pairs.next()) {
            (Some(pair), None) => Ok(Some(pair)),
            (Some(_), Some(_)) => Err(shared(topology, twin)),
            (None, _) => Ok(tagged(topology, twin)),
        }
    }
}

/// The pair that the partner tag of a twin's only group names. Where targets are sticky, a flip that died between its
/// writes leaves nothing else that says it.
fn tagged(topology: &Topology, twin: &Twin<'_>) -> Option<Pair> {
    let Serves::One(one) = twin.live.forward.serves() else { return None };
    if !twin.test.forward.serves_only(one) {
        return None;
    }
    let partner = topology.group(one)?.partner()?;
    let other = topology.groups.keys().find(|arn| *arn != one && arn_tail(arn) == partner)?;
    Some(Pair::new(one, other))
}

/// Why nothing says the pair of a twin that is unpaired.
#[must_use]
pub fn why_unpaired(topology: &Topology, twin: &Twin<'_>) -> SetupError {
    match twin.live.forward.serves() {
        Serves::One(group) if twin.test.forward.serves_only(group) => {
            SetupError::SameGroup { rules: [twin.live.describe(), twin.test.describe()], group: topology.describe(group) }
        }
        _ => shared(topology, twin),
    }
}

fn shared(topology: &Topology, twin: &Twin<'_>) -> SetupError {
    let sends_to_one = |forward: &Forward| forward.groups().filter(|group| forward.sends_to(group)).count() == 1;
    let side = if sends_to_one(twin.live.forward) { twin.test } else { twin.live };
    SetupError::Shared { rule: side.describe(), weights: topology.weights(side.forward) }
}
