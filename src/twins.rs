//! Twin rules and pairs of groups: which rule of a live listener corresponds to which of its test listener,
//! and which two groups change places.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::journal::Marks;
use crate::ports::PortPair;
use crate::topology::{Condition, Forward, Listener, Rule, RuleId, Serves, Topology};
use crate::unfit::Unfit;

/// A rule on the live listener and the rule on its test listener with the same conditions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Twin<'a> {
    /// The ports of the two listeners.
    pub ports: PortPair,
    /// The live listener's rule.
    pub live: Side<'a>,
    /// The test listener's rule.
    pub test: Side<'a>,
}

/// One rule of a twin, with its forward action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Side<'a> {
    /// The port it is reached on.
    pub port: u16,
    /// The rule.
    pub rule: &'a Rule,
    /// The rule's forward action.
    pub forward: &'a Forward,
}

impl Side<'_> {
    /// The side for a message: `port 80, default action`.
    #[must_use]
    pub fn describe(&self) -> String {
        format!("port {}, {}", self.port, self.rule.describe())
    }
}

impl Twin<'_> {
    /// Whether `group` is named by either side, at any weight.
    #[must_use]
    pub fn names(&self, group: &str) -> bool {
        [self.live, self.test].iter().any(|side| side.forward.groups().any(|named| named == group))
    }
}

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

    /// The one that is not `group`.
    #[must_use]
    pub fn other(&self, group: &str) -> &str {
        if self.first == group { &self.second } else { &self.first }
    }
}

/// What the listeners amount to.
#[derive(Clone, Debug)]
pub struct Survey<'a> {
    /// The port pairs that exist on both ends.
    pub ports: Vec<PortPair>,
    /// The twins, in the order of ports and evaluation.
    pub twins: Vec<Twin<'a>>,
    /// Rules that forward without a twin.
    pub alone: Vec<Side<'a>>,
    /// Rules that do not forward and so are left alone, as sentences.
    pub left: Vec<String>,
    /// The pairs of groups, each with the indices of its twins.
    pub pairs: BTreeMap<Pair, Vec<usize>>,
    /// Twins whose two sides serve one group, with nothing that tells another.
    pub lonely: Vec<usize>,
}

/// Finds twins and pairs.
///
/// # Errors
/// What makes the load balancer's ports unfit for a flip: a listener that is missing, half a pair of ports,
/// nothing that forwards, or a group that stands opposite two others.
pub fn survey<'a>(topology: &'a Topology, ports: &[PortPair]) -> Result<Survey<'a>, Unfit> {
    let (listeners, mut left) = listener_pairs(topology, ports)?;
    let mut twins = Vec::new();
    let mut alone = Vec::new();
    for (pair, live, test) in &listeners {
        match_rules(*pair, live, test, &mut twins, &mut alone);
        for listener in [live, test] {
            left.extend(listener.rules.iter().filter(|rule| rule.forward().is_none()).map(|rule| untouched(listener.port, rule)));
        }
    }
    if twins.is_empty() {
        return Err(Unfit::NoForward {
            load_balancer: topology.name.clone(),
            ports: crate::ports::display(&listeners.iter().map(|(pair, _, _)| *pair).collect::<Vec<_>>()),
            found: left,
        });
    }
    let (pairs, lonely) = pair_groups(topology, &twins)?;
    Ok(Survey { ports: listeners.iter().map(|(pair, _, _)| *pair).collect(), twins, alone, left, pairs, lonely })
}

type ListenerPair<'a> = (PortPair, &'a Listener, &'a Listener);

fn listener_pairs<'a>(topology: &'a Topology, ports: &[PortPair]) -> Result<(Vec<ListenerPair<'a>>, Vec<String>), Unfit> {
    let mut found = Vec::new();
    let mut left = Vec::new();
    let mut half = None;
    for pair in ports {
        match (topology.listeners.get(&pair.live), topology.listeners.get(&pair.test)) {
            (Some(live), Some(test)) => found.push((*pair, live, test)),
            (None, None) => {}
            (Some(only), None) | (None, Some(only)) => {
                if only.rules.iter().any(|rule| rule.forward().is_some()) {
                    let missing = if only.port == pair.live { pair.test } else { pair.live };
                    half.get_or_insert((only.port, missing));
                } else {
                    left.extend(only.rules.iter().map(|rule| untouched(only.port, rule)));
                }
            }
        }
    }
    if let Some((port, missing)) = half {
        return Err(Unfit::HalfPair { load_balancer: topology.name.clone(), port, missing, found: open_ports(topology) });
    }
    if found.is_empty() {
        return Err(Unfit::NoListeners {
            load_balancer: topology.name.clone(),
            wanted: crate::ports::display(ports),
            found: open_ports(topology),
        });
    }
    Ok((found, left))
}

fn open_ports(topology: &Topology) -> Vec<u16> {
    topology.listeners.keys().copied().collect()
}

fn untouched(port: u16, rule: &Rule) -> String {
    let kinds: Vec<&str> = rule.carried().map(|carried| carried.kind.as_str()).collect();
    format!("port {port}, {}: {} is left as it is", rule.describe(), kinds.join(" and "))
}

/// Matches rules with equal conditions, the k-th on one side with the k-th on the other.
fn match_rules<'a>(
    ports: PortPair,
    live: &'a Listener,
    test: &'a Listener,
    twins: &mut Vec<Twin<'a>>,
    alone: &mut Vec<Side<'a>>,
) {
    let mut waiting: BTreeMap<(bool, &BTreeSet<Condition>), std::collections::VecDeque<Side<'a>>> = BTreeMap::new();
    for side in sides(test) {
        waiting.entry(key(side.rule)).or_default().push_back(side);
    }
    for side in sides(live) {
        match waiting.get_mut(&key(side.rule)).and_then(std::collections::VecDeque::pop_front) {
            Some(test) => twins.push(Twin { ports, live: side, test }),
            None => alone.push(side),
        }
    }
    alone.extend(waiting.into_values().flatten());
}

fn key(rule: &Rule) -> (bool, &BTreeSet<Condition>) {
    (matches!(rule.id, RuleId::Default(_)), &rule.conditions)
}

fn sides(listener: &Listener) -> impl Iterator<Item = Side<'_>> {
    let port = listener.port;
    listener.rules.iter().filter_map(move |rule| rule.forward().map(|forward| Side { port, rule, forward }))
}

type Pairs = BTreeMap<Pair, Vec<usize>>;

/// Tells the pairs: first from the twins that serve two different groups, then, for those that serve one on both
/// ports, from what the first told, from a group that stands by at weight 0, or from a journal.
fn pair_groups(topology: &Topology, twins: &[Twin<'_>]) -> Result<(Pairs, Vec<usize>), Unfit> {
    let mut opposite: BTreeMap<&str, &str> = BTreeMap::new();
    let mut pairs = Pairs::new();
    let mut open = Vec::new();
    for (index, twin) in twins.iter().enumerate() {
        match (twin.live.forward.serves(), twin.test.forward.serves()) {
            (Serves::One(live), Serves::One(test)) if live != test => {
                for (group, other) in [(live, test), (test, live)] {
                    let known = *opposite.entry(group).or_insert(other);
                    if known != other {
                        return Err(Unfit::Tangled {
                            group: topology.describe(group),
                            others: [topology.describe(known), topology.describe(other)],
                            rule: twin.live.describe(),
                        });
                    }
                }
                pairs.entry(Pair::new(live, test)).or_default().push(index);
            }
            _ => open.push(index),
        }
    }
    let mut lonely = Vec::new();
    for index in open {
        match pair_of(topology, &twins[index], &opposite) {
            Some(pair) => pairs.entry(pair).or_default().push(index),
            None => lonely.push(index),
        }
    }
    for twins in pairs.values_mut() {
        twins.sort_unstable();
    }
    Ok((pairs, lonely))
}

fn pair_of(topology: &Topology, twin: &Twin<'_>, opposite: &BTreeMap<&str, &str>) -> Option<Pair> {
    let named: BTreeSet<&str> = twin.live.forward.groups().chain(twin.test.forward.groups()).collect();
    if let Some((group, other)) = named.iter().find_map(|group| opposite.get(group).map(|other| (*group, *other))) {
        return Some(Pair::new(group, other));
    }
    let named: Vec<&str> = named.into_iter().collect();
    match named.as_slice() {
        [one, other] => Some(Pair::new(one, other)),
        [one] => {
            let marks = Marks::of(topology.group(one)?);
            let flip = marks.flip?;
            let other = topology.groups.keys().find(|arn| arn.as_str() != *one && flip.names(arn))?;
            flip.names(one).then(|| Pair::new(one, other))
        }
        _ => None,
    }
}
