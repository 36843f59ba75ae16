//! Twin rules: which rule of a live listener corresponds to which of its test listener.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::seen::ports::{self, PortPair};
use crate::seen::setup_error::SetupError;
use crate::seen::topology::{Condition, Forward, Listener, Rule, RuleId, Topology};

/// A rule on the live listener and the rule on its test listener with the same conditions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Twin<'a> {
    /// The ports of the two listeners.
    pub ports: PortPair,
    /// The live listener's rule.
    pub live: PortRule<'a>,
    /// The test listener's rule.
    pub test: PortRule<'a>,
}

/// One rule of a twin, with its forward action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortRule<'a> {
    /// The port it is reached on.
    pub port: u16,
    /// The rule.
    pub rule: &'a Rule,
    /// The rule's forward action.
    pub forward: &'a Forward,
}

impl PortRule<'_> {
    /// The side for a message: `port 80, default action`.
    #[must_use]
    pub fn describe(&self) -> String {
        format!("port {}, {}", self.port, self.rule.describe())
    }
}

pub(crate) type ListenerPair<'a> = (PortPair, &'a Listener, &'a Listener);

pub(crate) fn listener_pairs<'a>(
    topology: &'a Topology,
    ports: &[PortPair],
) -> Result<(Vec<ListenerPair<'a>>, Vec<String>), SetupError> {
    let mut found = Vec::new();
    let mut untouched = Vec::new();
    let mut half = None;
    for pair in ports {
        match (topology.listeners.get(&pair.live), topology.listeners.get(&pair.test)) {
            (Some(live), Some(test)) => found.push((*pair, live, test)),
            (None, None) if ports == ports::DEFAULT => {}
            (None, None) => untouched.push(format!("there is no listener on port {} and none on port {}", pair.live, pair.test)),
            (Some(only), None) | (None, Some(only)) => {
                if only.rules.iter().any(|rule| rule.forward().is_some()) {
                    let missing = if only.port == pair.live { pair.test } else { pair.live };
                    half.get_or_insert((only.port, missing));
                } else {
                    untouched.extend(only.rules.iter().map(|rule| as_it_is(only.port, rule)));
                }
            }
        }
    }
    let unnamed =
        open_ports(topology).into_iter().filter(|port| !ports.iter().any(|pair| pair.live == *port || pair.test == *port));
    untouched.extend(
        unnamed.map(|port| format!("port {port} is in none of the port pairs {} and is left as it is", ports::display(ports))),
    );
    if let Some((port, missing)) = half {
        return Err(SetupError::HalfPair { load_balancer: topology.name.clone(), port, missing, found: open_ports(topology) });
    }
    if found.is_empty() {
        return Err(SetupError::NoListeners {
            load_balancer: topology.name.clone(),
            wanted: ports::display(ports),
            found: open_ports(topology),
        });
    }
    Ok((found, untouched))
}

fn open_ports(topology: &Topology) -> Vec<u16> {
    topology.listeners.keys().copied().collect()
}

pub(crate) fn as_it_is(port: u16, rule: &Rule) -> String {
    format!("port {port}, {}: {} is left as it is", rule.describe(), kinds(rule))
}

pub(crate) fn kinds(rule: &Rule) -> String {
    rule.carried().map(|carried| carried.kind.as_str()).collect::<Vec<_>>().join(" and ")
}

/// Matches rules with equal conditions, the k-th on one side with the k-th on the other.
pub(crate) fn match_rules<'a>(
    ports: PortPair,
    live: &'a Listener,
    test: &'a Listener,
    twins: &mut Vec<Twin<'a>>,
    unmatched: &mut Vec<PortRule<'a>>,
) {
    let mut waiting: BTreeMap<(bool, &BTreeSet<Condition>), VecDeque<PortRule<'a>>> = BTreeMap::new();
    for side in sides(test) {
        waiting.entry(key(side.rule)).or_default().push_back(side);
    }
    for side in sides(live) {
        match waiting.get_mut(&key(side.rule)).and_then(VecDeque::pop_front) {
            Some(test) => twins.push(Twin { ports, live: side, test }),
            None => unmatched.push(side),
        }
    }
    unmatched.extend(waiting.into_values().flatten());
}

pub(crate) fn key(rule: &Rule) -> (bool, &BTreeSet<Condition>) {
    (matches!(rule.id, RuleId::Default(_)), &rule.conditions)
}

/// The rules that forward on listeners that are in none of the port pairs.
pub(crate) fn outside<'a>(topology: &'a Topology, ports: &[PortPair]) -> Vec<PortRule<'a>> {
    let named = |port: u16| ports.iter().any(|pair| pair.live == port || pair.test == port);
    topology.listeners.values().filter(|listener| !named(listener.port)).flat_map(sides).collect()
}

fn sides(listener: &Listener) -> impl Iterator<Item = PortRule<'_>> {
    let port = listener.port;
    listener.rules.iter().filter_map(move |rule| rule.forward().map(|forward| PortRule { port, rule, forward }))
}
