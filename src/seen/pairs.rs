//! Pairs: which two target groups change places, as the twins tell it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::seen::setup_error::SetupError;
use crate::seen::side::Side;
use crate::seen::topology::{Forward, Serves, Topology, arn_tail};
use crate::seen::twins::{Survey, Twin};

/// Two groups that change places, by ARN; `first` sorts before `second`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Pair {
    /// One group's ARN.
    pub first: String,
    /// The other group's ARN.
    pub second: String,
}

impl Pair {
    fn new(one: &str, other: &str) -> Self {
        let (first, second) = if one < other { (one, other) } else { (other, one) };
        Self { first: first.to_owned(), second: second.to_owned() }
    }

    /// Whether `group` is one of the two.
    #[must_use]
    pub fn holds(&self, group: &str) -> bool {
        self.first == group || self.second == group
    }

    /// The ARN of one of the two.
    #[must_use]
    pub fn arn(&self, side: Side) -> &str {
        match side {
            Side::First => &self.first,
            Side::Second => &self.second,
        }
    }

    /// Which of the two `group` is.
    #[must_use]
    pub fn side(&self, group: &str) -> Option<Side> {
        Side::BOTH.into_iter().find(|side| self.arn(*side) == group)
    }

    /// The one that is not `group`.
    #[must_use]
    pub fn other(&self, group: &str) -> &str {
        if self.first == group { &self.second } else { &self.first }
    }
}

/// What the twins tell.
#[derive(Default)]
pub(crate) struct Told {
    pub pairs: BTreeMap<Pair, Vec<usize>>,
    pub lonely: Vec<usize>,
    pub tangled: Vec<(usize, SetupError)>,
}

/// Tells the pairs. The twins that serve two different groups say who stands opposite whom; so do those that serve one
/// on both ports while one other stands by at weight 0. Then each twin goes to the pair of the groups that it serves,
/// and one whose group has no partner anywhere to the pair that the group's partner tag names.
pub(crate) fn tell(topology: &Topology, twins: &[Twin<'_>]) -> Told {
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
    let mut told = Told::default();
    for (index, twin) in twins.iter().enumerate() {
        match partners.pair_of(topology, twin) {
            Ok(Some(pair)) => told.pairs.entry(pair).or_default().push(index),
            Ok(None) => told.lonely.push(index),
            Err(setup_error) => told.tangled.push((index, setup_error)),
        }
    }
    told
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

/// Who stands opposite whom.
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

    /// The pair that a twin belongs to; none where nothing tells it.
    fn pair_of(&self, topology: &Topology, twin: &Twin<'_>) -> Result<Option<Pair>, SetupError> {
        let sends = |group: &&str| [twin.live, twin.test].iter().any(|side| side.forward.sends_to(group));
        let mut sent: Vec<&str> = named(twin).into_iter().filter(sends).collect();
        if sent.is_empty() {
            sent = named(twin);
        }
        if let Some(group) = sent.iter().find(|group| self.of(group).len() > 1) {
            return Err(SetupError::Tangled {
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

/// Why nothing tells the pair of a twin that is among the lonely ones.
#[must_use]
pub fn untold(topology: &Topology, twin: &Twin<'_>) -> SetupError {
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

/// Why there is no pair at all, where there are twins.
pub(crate) fn none(topology: &Topology, survey: &Survey<'_>) -> SetupError {
    let tangled = survey.tangled.iter().map(|(_, setup_error)| setup_error.clone());
    let lonely = survey.lonely.iter().map(|index| untold(topology, &survey.twins[*index]));
    tangled.chain(lonely).next().unwrap_or_else(|| SetupError::NoForward {
        load_balancer: topology.name.clone(),
        ports: crate::seen::ports::display(&survey.ports),
        found: survey.left.clone(),
    })
}

/// Why a rule that sends traffic to `group` cannot move with the group's pair, where there is such a rule: it has no
/// twin, or nothing tells the pair of its twin. A flip would leave it behind.
#[must_use]
pub fn unmatched(topology: &Topology, survey: &Survey<'_>, group: &str) -> Option<SetupError> {
    let sends = |twin: &Twin<'_>| twin.live.forward.sends_to(group) || twin.test.forward.sends_to(group);
    if let Some(side) = survey.alone.iter().find(|side| side.forward.sends_to(group)) {
        return Some(survey.no_twin(topology, side, group));
    }
    let tangled =
        survey.tangled.iter().find(|(index, _)| sends(&survey.twins[*index])).map(|(_, setup_error)| setup_error.clone());
    let lonely = || survey.lonely.iter().map(|index| &survey.twins[*index]).find(|twin| sends(twin));
    tangled.or_else(|| lonely().map(|twin| untold(topology, twin)))
}
