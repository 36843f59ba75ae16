//! The survey: twins and pairs, once a reading.

use std::collections::{BTreeMap, BTreeSet};

use crate::seen::pair::Pair;
use crate::seen::pairing::{Pairing, pairing, why_unpaired};
use crate::seen::ports::{self, PortPair};
use crate::seen::setup_error::SetupError;
use crate::seen::topology::Topology;
use crate::seen::twins::{PortRule, Twin, as_it_is, key, kinds, listener_pairs, match_rules, outside};

/// What the listeners amount to.
#[derive(Clone, Debug)]
pub struct Survey<'a> {
    /// The port pairs that exist on both ends.
    pub ports: Vec<PortPair>,
    /// The twins, in the order of ports and evaluation.
    pub twins: Vec<Twin<'a>>,
    /// Rules that forward without a twin.
    pub unmatched: Vec<PortRule<'a>>,
    /// Rules that forward on listeners that are in none of the port pairs.
    pub outside: Vec<PortRule<'a>>,
    /// Rules that do not forward and so are left as they are, as sentences.
    pub untouched: Vec<String>,
    /// The pairs of groups, each with the indices of its twins.
    pub pairs: BTreeMap<Pair, Vec<usize>>,
    /// Twins of which nothing says the pair: both sides serve one group that has no partner, or share their traffic.
    pub unpaired: Vec<usize>,
    /// Twins whose groups stand opposite several others, each with what that means for a flip of them.
    pub ambiguous: Vec<(usize, SetupError)>,
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
    #[must_use]
    pub fn counterpart(&self, port: u16) -> u16 {
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

    /// Why there is no pair, where there are twins.
    pub(crate) fn without_pairs(&self, topology: &Topology) -> SetupError {
        let ambiguous = self.ambiguous.iter().map(|(_, setup_error)| setup_error.clone());
        let unpaired = self.unpaired.iter().map(|index| why_unpaired(topology, &self.twins[*index]));
        ambiguous.chain(unpaired).next().unwrap_or_else(|| SetupError::NoForward {
            load_balancer: topology.name.clone(),
            ports: ports::display(&self.ports),
            found: self.untouched.clone(),
        })
    }

    /// The same with no pair but the one that holds this group, by its name or ARN.
    ///
    /// # Errors
    /// Where no pair holds it.
    pub fn only(mut self, topology: &Topology, wanted: &str) -> Result<Self, SetupError> {
        let is_wanted = |arn: &str| arn == wanted || topology.group(arn).is_some_and(|group| group.name == wanted);
        let held = |pair: &Pair| is_wanted(&pair.first) || is_wanted(&pair.second);
        if !self.pairs.keys().any(held) {
            return Err(SetupError::UnknownGroup {
                wanted: wanted.to_owned(),
                load_balancer: topology.name.clone(),
                known: self.pairs.keys().flat_map(|pair| [&pair.first, &pair.second]).map(|arn| topology.describe(arn)).collect(),
            });
        }
        self.pairs.retain(|pair, _| held(pair));
        self.ambiguous_here();
        Ok(self)
    }

    /// The same with this pair alone.
    #[must_use]
    pub fn of(&self, pair: &Pair) -> Self {
        let mut alone = self.clone();
        alone.pairs.retain(|other, _| other == pair);
        alone.ambiguous_here();
        alone
    }

    /// Leaves out the twins of which it does not matter any more which pair is theirs: they serve none that is left.
    fn ambiguous_here(&mut self) {
        let (twins, pairs) = (&self.twins, &self.pairs);
        let sides = |index: usize| [twins[index].live.forward, twins[index].test.forward];
        let serves = |index: usize, pair: &Pair| {
            sides(index).iter().any(|forward| forward.sends_to(&pair.first) || forward.sends_to(&pair.second))
        };
        self.ambiguous.retain(|(index, _)| pairs.keys().any(|pair| serves(*index, pair)));
    }

    /// Every rule of a twin, each once: a test rule may be the twin of several.
    #[must_use]
    pub fn of_twins(&self) -> Vec<&PortRule<'a>> {
        let mut rules: Vec<&PortRule<'a>> = Vec::new();
        for side in self.twins.iter().flat_map(|twin| [&twin.live, &twin.test]) {
            if !rules.contains(&side) {
                rules.push(side);
            }
        }
        rules
    }

    /// What it means that a listener which is in none of the port pairs sends traffic to `group`, where one does.
    #[must_use]
    pub fn outside(&self, topology: &Topology, group: &str) -> Option<SetupError> {
        let side = self.outside.iter().find(|side| side.forward.sends_to(group))?;
        let ports = ports::display(&self.ports);
        Some(SetupError::Outside { rule: side.describe(), port: side.port, group: topology.describe(group), ports })
    }

    /// Why a rule that sends traffic to `group` cannot move with the group's pair, where there is such a rule: it has no
    /// twin, or nothing says the pair of its twin. A flip could not move it.
    #[must_use]
    pub fn cannot_move(&self, topology: &Topology, group: &str) -> Option<SetupError> {
        let sends = |twin: &Twin<'_>| twin.live.forward.sends_to(group) || twin.test.forward.sends_to(group);
        if let Some(side) = self.unmatched.iter().find(|side| side.forward.sends_to(group)) {
            return Some(self.no_twin(topology, side, group));
        }
        if let Some(outside) = self.outside(topology, group) {
            return Some(outside);
        }
        let ambiguous =
            self.ambiguous.iter().find(|(index, _)| sends(&self.twins[*index])).map(|(_, setup_error)| setup_error.clone());
        let unpaired = || self.unpaired.iter().map(|index| &self.twins[*index]).find(|twin| sends(twin));
        ambiguous.or_else(|| unpaired().map(|twin| why_unpaired(topology, twin)))
    }
}

/// Finds twins and pairs.
///
/// # Errors
/// What makes the load balancer's ports unfit for a flip: a listener that is missing, half a pair of ports, or
/// nothing that forwards.
pub fn survey<'a>(topology: &'a Topology, ports: &[PortPair]) -> Result<Survey<'a>, SetupError> {
    let (listeners, mut untouched) = listener_pairs(topology, ports)?;
    let mut twins = Vec::new();
    let mut unmatched = Vec::new();
    for (pair, live, test) in &listeners {
        match_rules(*pair, live, test, &mut twins, &mut unmatched);
        for listener in [live, test] {
            untouched
                .extend(listener.rules.iter().filter(|rule| rule.forward().is_none()).map(|rule| as_it_is(listener.port, rule)));
        }
    }
    // A test port may rehearse several live ports: then a rule of it needs a twin on one of them.
    let mut rehearses: Vec<PortRule<'_>> = Vec::new();
    unmatched.retain(|side: &PortRule<'_>| {
        let left = !twins.iter().any(|twin: &Twin<'_>| twin.test == *side) && !rehearses.contains(side);
        rehearses.push(*side);
        left
    });
    let mut told = BTreeSet::new();
    untouched.retain(|sentence| told.insert(sentence.clone()));
    if twins.is_empty() {
        untouched.extend(
            unmatched
                .iter()
                .map(|side| format!("{} forwards to {} and has no twin", side.describe(), topology.weights(side.forward))),
        );
        return Err(SetupError::NoForward {
            load_balancer: topology.name.clone(),
            ports: ports::display(&listeners.iter().map(|(pair, _, _)| *pair).collect::<Vec<_>>()),
            found: untouched,
        });
    }
    let Pairing { pairs, unpaired, ambiguous } = pairing(topology, &twins);
    Ok(Survey {
        ports: listeners.iter().map(|(pair, _, _)| *pair).collect(),
        twins,
        unmatched,
        outside: outside(topology, ports),
        untouched,
        pairs,
        unpaired,
        ambiguous,
    })
}
