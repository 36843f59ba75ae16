//! Twin rules: which rule of a live listener corresponds to which of its test listener.

use std::collections::{BTreeMap, BTreeSet};

pub use crate::seen::pairs::Pair;
use crate::seen::pairs::tell;
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

/// What the listeners amount to.
#[derive(Clone, Debug)]
pub struct Survey<'a> {
    /// The port pairs that exist on both ends.
    pub ports: Vec<PortPair>,
    /// The twins, in the order of ports and evaluation.
    pub twins: Vec<Twin<'a>>,
    /// Rules that forward without a twin.
    pub alone: Vec<PortRule<'a>>,
    /// Rules that do not forward and so are left alone, as sentences.
    pub left: Vec<String>,
    /// The pairs of groups, each with the indices of its twins.
    pub pairs: BTreeMap<Pair, Vec<usize>>,
    /// Twins of which nothing tells the pair: both sides serve one group that has no partner, or share their traffic.
    pub lonely: Vec<usize>,
    /// Twins whose groups stand opposite several others, each with what that means for a flip of them.
    pub tangled: Vec<(usize, SetupError)>,
}

impl<'a> Survey<'a> {
    /// The twins of a pair, in the order of ports and evaluation.
    pub fn twins_of(&self, pair: &Pair) -> impl Iterator<Item = &Twin<'a>> {
        self.pairs.get(pair).into_iter().flatten().map(|index| &self.twins[*index])
    }

    /// The pair that holds a group.
    #[must_use]
    pub fn pair_of(&self, group: &str) -> Option<&Pair> {
        self.pairs.keys().find(|pair| pair.holds(group))
    }

    /// Whether every live rule of a pair serves this group of it; none where the rules disagree.
    #[must_use]
    pub fn is_live(&self, pair: &Pair, group: &str) -> Option<bool> {
        let serves: Vec<bool> = self.twins_of(pair).map(|twin| twin.live.forward.serves_only(group)).collect();
        let first = *serves.first()?;
        serves.iter().all(|serves| *serves == first).then_some(first)
    }

    /// Whether every live rule of a pair serves `live`, and every test rule the other group.
    #[must_use]
    pub fn serves(&self, pair: &Pair, live: &str) -> bool {
        let test = pair.other(live);
        self.twins_of(pair).all(|twin| twin.live.forward.serves_only(live) && twin.test.forward.serves_only(test))
    }

    /// The port that is the counterpart of `port`.
    fn counterpart(&self, port: u16) -> u16 {
        let pair = self.ports.iter().find(|pair| pair.live == port || pair.test == port);
        pair.map_or(port, |pair| if pair.live == port { pair.test } else { pair.live })
    }

    /// What it means that a rule which sends traffic to `group` has no twin.
    pub(crate) fn no_twin(&self, topology: &Topology, side: &PortRule<'_>, group: &str) -> SetupError {
        let other = self.counterpart(side.port);
        let mut rules = topology.listeners.get(&other).into_iter().flat_map(|listener| &listener.rules);
        let instead = rules.find(|rule| rule.forward().is_none() && key(rule) == key(side.rule)).map(kinds);
        SetupError::NoTwin { port: side.port, rule: side.rule.describe(), group: topology.describe(group), other, instead }
    }
}

/// Finds twins and pairs.
///
/// # Errors
/// What makes the load balancer's ports setup_error for a flip: a listener that is missing, half a pair of ports, or
/// nothing that forwards.
pub fn survey<'a>(topology: &'a Topology, ports: &[PortPair]) -> Result<Survey<'a>, SetupError> {
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
        return Err(SetupError::NoForward {
            load_balancer: topology.name.clone(),
            ports: ports::display(&listeners.iter().map(|(pair, _, _)| *pair).collect::<Vec<_>>()),
            found: left,
        });
    }
    let told = tell(topology, &twins);
    Ok(Survey {
        ports: listeners.iter().map(|(pair, _, _)| *pair).collect(),
        twins,
        alone,
        left,
        pairs: told.pairs,
        lonely: told.lonely,
        tangled: told.tangled,
    })
}

type ListenerPair<'a> = (PortPair, &'a Listener, &'a Listener);

fn listener_pairs<'a>(topology: &'a Topology, ports: &[PortPair]) -> Result<(Vec<ListenerPair<'a>>, Vec<String>), SetupError> {
    let mut found = Vec::new();
    let mut left = Vec::new();
    let mut half = None;
    for pair in ports {
        match (topology.listeners.get(&pair.live), topology.listeners.get(&pair.test)) {
            (Some(live), Some(test)) => found.push((*pair, live, test)),
            (None, None) if ports == ports::DEFAULT => {}
            (None, None) => left.push(format!("there is no listener on port {} and none on port {}", pair.live, pair.test)),
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
    let unnamed =
        open_ports(topology).into_iter().filter(|port| !ports.iter().any(|pair| pair.live == *port || pair.test == *port));
    left.extend(
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
    Ok((found, left))
}

fn open_ports(topology: &Topology) -> Vec<u16> {
    topology.listeners.keys().copied().collect()
}

fn untouched(port: u16, rule: &Rule) -> String {
    format!("port {port}, {}: {} is left as it is", rule.describe(), kinds(rule))
}

fn kinds(rule: &Rule) -> String {
    rule.carried().map(|carried| carried.kind.as_str()).collect::<Vec<_>>().join(" and ")
}

/// Matches rules with equal conditions, the k-th on one side with the k-th on the other.
fn match_rules<'a>(
    ports: PortPair,
    live: &'a Listener,
    test: &'a Listener,
    twins: &mut Vec<Twin<'a>>,
    alone: &mut Vec<PortRule<'a>>,
) {
    let mut waiting: BTreeMap<(bool, &BTreeSet<Condition>), std::collections::VecDeque<PortRule<'a>>> = BTreeMap::new();
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

fn sides(listener: &Listener) -> impl Iterator<Item = PortRule<'_>> {
    let port = listener.port;
    listener.rules.iter().filter_map(move |rule| rule.forward().map(|forward| PortRule { port, rule, forward }))
}
