//! What one invocation remembers while it works: what it wrote, and how the next looks answered that. Pure: the time
//! comes in as an argument. Nothing of it outlives the invocation.

use std::collections::BTreeMap;
use std::time::Instant;

use super::decide::Memory;
use super::times::{BELIEVE, LOOKS};
use super::view::{View, says};
use crate::seen::pair::Pair;
use crate::seen::survey::Survey;
use crate::seen::topology::Topology;

/// How often a rule write may be denied before it counts as one that cannot pass: IAM takes changes over with a delay.
const DENIALS: u8 = 2;
/// How often a rule may be changed by others before that is a conflict.
const CHANGES: u8 = 2;

/// What one invocation remembers.
#[derive(Clone, Debug, Default)]
pub struct Invocation {
    pairs: BTreeMap<Pair, OfPair>,
    tags: BTreeMap<(String, String), Acknowledged>,
}

#[derive(Clone, Debug, Default)]
struct OfPair {
    memory: Memory,
    rules: BTreeMap<String, Written>,
    denials: u8,
    differing: u32,
}

/// A rule write of this invocation.
#[derive(Clone, Debug)]
struct Written {
    serves: String,
    /// When it was acknowledged; none where nobody knows whether it took effect.
    acknowledged: Option<Instant>,
    /// Whether a look has shown it since.
    seen: bool,
    /// How often a look has shown something else after that.
    changes: u8,
    live: bool,
}

/// A tag write of this invocation: what it put, and what was there before.
#[derive(Clone, Debug, Default)]
struct Acknowledged {
    before: Vec<Option<String>>,
    now: String,
}

impl Invocation {
    /// What it remembers of a pair.
    #[must_use]
    pub fn of(&self, pair: &Pair) -> Memory {
        self.pairs.get(pair).map(|of| of.memory).unwrap_or_default()
    }

    /// It has waited for other jobs' plans to end.
    pub fn waited(&mut self, pair: &Pair) {
        self.pair(pair).memory.waited = true;
    }

    /// It sent the write of a rule; `acknowledged` is when that was answered.
    pub fn wrote(&mut self, pair: &Pair, rule: &str, live: bool, serves: &str, acknowledged: Option<Instant>) {
        let of = self.pair(pair);
        of.memory.wrote = true;
        let changes = of.rules.get(rule).filter(|before| before.serves == serves).map_or(0, |before| before.changes);
        let written = Written { serves: serves.to_owned(), acknowledged, seen: false, changes, live };
        of.rules.insert(rule.to_owned(), written);
    }

    /// The write of a rule was denied, or (`for_good`) can never pass.
    pub fn refused(&mut self, pair: &Pair, for_good: bool) {
        let of = self.pair(pair);
        of.denials = if for_good { DENIALS } else { of.denials + 1 };
        of.memory.cannot_write = of.denials >= DENIALS;
    }

    /// A record was acknowledged: a new phase, in which writes are tried anew.
    pub fn recorded(&mut self, pair: &Pair) {
        let of = self.pair(pair);
        of.denials = 0;
        of.memory.cannot_write = false;
    }

    /// Tags were acknowledged on a group that had `before`.
    pub fn tagged(&mut self, topology: &Topology, group: &str, tags: &[(String, String)]) {
        for (key, value) in tags {
            let before = topology.group(group).and_then(|group| group.tags.get(key).cloned());
            let put = self.tags.entry((group.to_owned(), key.clone())).or_default();
            put.before.push(before);
            put.now.clone_from(value);
            put.before.retain(|before| before.as_ref() != Some(value));
        }
    }

    /// Puts in what was acknowledged and is not shown yet: whether a read sees an acknowledged write at once is not
    /// documented. What somebody else wrote since stays.
    pub fn complete(&self, topology: &mut Topology) {
        for ((group, key), put) in &self.tags {
            let Some(group) = topology.groups.get_mut(group) else { continue };
            if put.before.contains(&group.tags.get(key).cloned()) {
                group.tags.insert(key.clone(), put.now.clone());
            }
        }
    }

    /// Compares a look with what was written.
    pub fn look(&mut self, survey: &Survey<'_>, pair: &Pair, view: &View, now: Instant) {
        let of = self.pair(pair);
        let newest = view.journal.newest();
        let as_told = newest.as_ref().is_some_and(|(on, flip)| !view.differs(says(*on, flip)));
        of.memory.wrote &= !as_told;
        let rules = survey.twins_of(pair).flat_map(|twin| [twin.live, twin.test]);
        let (mut changed, mut differs) = (Vec::new(), false);
        for rule in rules {
            let Some(written) = of.rules.get_mut(rule.rule.id.arn()) else { continue };
            if rule.forward.serves_only(&written.serves) {
                written.seen = true;
                continue;
            }
            // A write that nobody acknowledged may never have taken effect.
            differs |= written.acknowledged.is_some() && !is_young(written, now);
            if written.seen && !is_young(written, now) {
                written.seen = false;
                written.changes += 1;
                changed.push(rule.rule.id.arn().to_owned());
            }
        }
        of.differing += u32::from(differs);
        let live: Vec<&String> = of.rules.iter().filter(|(_, rule)| rule.live).map(|(arn, _)| arn).collect();
        let all_at_once = live.len() > 1 && live.iter().all(|rule| changed.contains(rule));
        let again = of.rules.values().any(|rule| rule.changes >= CHANGES);
        of.memory.conflict |= again || all_at_once || of.differing >= LOOKS;
    }

    /// Whether a look that shows another group may only be late: the write was acknowledged a moment ago.
    #[must_use]
    pub fn doubts(&self, pair: &Pair, rule: &str, serves: &str, now: Instant) -> bool {
        let written = self.pairs.get(pair).and_then(|of| of.rules.get(rule));
        written.is_some_and(|written| written.serves == serves && is_young(written, now))
    }

    fn pair(&mut self, pair: &Pair) -> &mut OfPair {
        self.pairs.entry(pair.clone()).or_default()
    }
}

fn is_young(written: &Written, now: Instant) -> bool {
    written.acknowledged.is_some_and(|at| now.duration_since(at) < BELIEVE)
}
