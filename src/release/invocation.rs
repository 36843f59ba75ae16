//! What one invocation remembers while it works: what it wrote, and how the next looks answered that. Pure: the time
//! comes in as an argument. Nothing of it outlives the invocation.

use std::collections::BTreeMap;
use std::time::Instant;

use super::decide::Memory;
use super::times::{BELIEVE, LOOKS};
use super::view::{View, says};
use crate::seen::pair::Pair;
use crate::seen::side::Side;
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
    serves: Side,
    /// When it was acknowledged; none where nobody knows whether it took effect.
    acknowledged: Option<Instant>,
    /// Whether a look has shown it since.
    seen: bool,
    /// How often a look has shown something else after that.
    changes: u8,
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
    pub fn wrote(&mut self, pair: &Pair, rule: &str, serves: Side, acknowledged: Option<Instant>) {
        let of = self.pair(pair);
        of.memory.wrote = true;
        let changes = of.rules.get(rule).filter(|before| before.serves == serves).map_or(0, |before| before.changes);
        of.rules.insert(rule.to_owned(), Written { serves, acknowledged, seen: false, changes });
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

    /// Compares a look with what was written: whether somebody else keeps changing the rules.
    pub fn look(&mut self, pair: &Pair, view: &View, now: Instant) {
        let of = self.pair(pair);
        let newest = view.journal.newest();
        of.memory.wrote &= newest.is_none_or(|(on, flip)| view.differs(says(on, &flip)));
        let (mut differs, mut live_changed) = (false, Vec::new());
        for rule in &view.rules {
            let Some(written) = of.rules.get_mut(&rule.arn) else { continue };
            // A difference is not believed at once. A write that nobody acknowledged may never have taken effect.
            let as_written = rule.serves == Some(written.serves);
            let changed = !as_written && written.seen && !is_young(written, now);
            differs |= !as_written && written.acknowledged.is_some() && !is_young(written, now);
            written.changes += u8::from(changed);
            written.seen = as_written || (written.seen && !changed);
            live_changed.extend(rule.live.then_some(changed));
        }
        of.differing += u32::from(differs);
        let all_at_once = live_changed.len() > 1 && live_changed.iter().all(|changed| *changed);
        let again = of.rules.values().any(|rule| rule.changes >= CHANGES);
        of.memory.conflict |= again || all_at_once || of.differing >= LOOKS;
    }

    /// Whether a look that shows another group may only be late: the write was acknowledged a moment ago.
    #[must_use]
    pub fn doubts(&self, pair: &Pair, rule: &str, serves: Side, now: Instant) -> bool {
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::release::refusal::Refusal;
    use crate::release::view::Rule;
    use crate::seen::side::Both;
    use crate::seen::side::Side::{First, Second};

    const L1: usize = 0;
    const L2: usize = 1;
    const TEST: usize = 2;
    const NAMES: [&str; 3] = ["L1", "L2", "T"];
    /// Every rule as it is to be where the second group is live.
    const WRITTEN: [Side; 3] = [Second, Second, First];

    /// An invocation that wrote every rule so that the second group is live, and its clock.
    struct Run {
        invocation: Invocation,
        now: Instant,
    }

    fn pair() -> Pair {
        Pair { first: "one".to_owned(), second: "two".to_owned() }
    }

    fn view(serves: [Option<Side>; 3]) -> View {
        let unclear = Refusal::Together { group: "one".to_owned() };
        let rule = |(index, serves): (usize, Option<Side>)| Rule {
            arn: NAMES[index].to_owned(),
            live: index != TEST,
            serves,
            bound: false,
        };
        View {
            rules: serves.into_iter().enumerate().map(rule).collect(),
            capacity: Both([Ok(()), Ok(())]),
            companions: Both::default(),
            image: Both([Ok(()), Ok(())]),
            room: Both([Ok(()), Ok(())]),
            journal: Default::default(),
            fences: Both::default(),
            fenced: Both::default(),
            setup: None,
            shared: None,
            unclear,
        }
    }

    impl Run {
        fn new() -> Self {
            let mut run = Self { invocation: Invocation::default(), now: Instant::now() };
            (0..3).for_each(|rule| run.write(rule));
            run
        }

        fn write(&mut self, rule: usize) {
            self.invocation.wrote(&pair(), NAMES[rule], WRITTEN[rule], Some(self.now));
        }

        /// Looks when every difference is believed: these rules were changed, the others are as written.
        fn sees_changed(&mut self, changed: &[usize]) -> bool {
            self.now += BELIEVE;
            self.sees(changed)
        }

        fn sees(&mut self, changed: &[usize]) -> bool {
            let mut serves = WRITTEN.map(Some);
            changed.iter().for_each(|rule| serves[*rule] = Some(WRITTEN[*rule].other()));
            self.invocation.look(&pair(), &view(serves), self.now);
            self.invocation.of(&pair()).conflict
        }
    }

    #[test]
    fn one_change_of_a_rule_is_no_conflict_the_second_is_one() {
        let mut run = Run::new();
        assert!(!run.sees(&[]), "as written");
        assert!(!run.sees_changed(&[L1]), "changed once");
        run.write(L1);
        assert!(!run.sees_changed(&[]), "written again");
        assert!(run.sees_changed(&[L1]), "changed for the second time");
    }

    #[test]
    fn a_change_that_was_never_seen_as_written_is_not_counted() {
        let mut run = Run::new();
        for _ in 0..3 {
            assert!(!run.sees_changed(&[TEST]));
            run.write(TEST);
        }
    }

    #[test]
    fn changes_of_two_rules_one_after_the_other_are_no_conflict() {
        let mut run = Run::new();
        assert!(!run.sees(&[]));
        assert!(!run.sees_changed(&[L1]));
        run.write(L1);
        assert!(!run.sees_changed(&[TEST]));
    }

    #[test]
    fn all_live_rules_changed_at_once_are_a_conflict() {
        let mut run = Run::new();
        assert!(!run.sees(&[TEST]), "the live rules are as written");
        assert!(run.sees_changed(&[L1, L2, TEST]));
    }

    #[test]
    fn the_only_live_rule_changed_once_is_no_conflict() {
        let mut run = Run { invocation: Invocation::default(), now: Instant::now() };
        run.write(L1);
        assert!(!run.sees(&[]));
        assert!(!run.sees_changed(&[L1]));
    }

    #[test]
    fn a_difference_is_not_believed_before_its_time() {
        let mut run = Run::new();
        assert!(!run.sees(&[]));
        run.now += BELIEVE - Duration::from_millis(1);
        assert!(!run.sees(&[L1, L2]));
        assert!(run.invocation.doubts(&pair(), "L1", Second, run.now));
        assert!(!run.invocation.doubts(&pair(), "L1", First, run.now), "the other way it is no late look");
        run.now += Duration::from_millis(1);
        assert!(!run.invocation.doubts(&pair(), "L1", Second, run.now));
        assert!(run.sees(&[L1, L2]), "now it is");
    }

    #[test]
    fn the_24th_look_that_finds_a_difference_is_a_conflict() {
        let mut run = Run::new();
        for look in 1..=LOOKS {
            assert_eq!(run.sees_changed(&[TEST]), look == 24, "look {look}");
            run.write(TEST);
        }
    }

    #[test]
    fn a_write_that_nobody_acknowledged_may_never_have_taken_effect() {
        let mut run = Run { invocation: Invocation::default(), now: Instant::now() };
        for _ in 0..2 * LOOKS {
            run.invocation.wrote(&pair(), "L1", Second, None);
            assert!(!run.sees_changed(&[L1]));
        }
        assert!(run.invocation.of(&pair()).wrote);
    }

    #[test]
    fn a_rule_that_a_stranger_serves_is_a_change_too() {
        let mut run = Run::new();
        assert!(!run.sees(&[]));
        run.now += BELIEVE;
        run.invocation.look(&pair(), &view([None, None, Some(First)]), run.now);
        assert!(run.invocation.of(&pair()).conflict);
    }

    #[test]
    fn a_write_cannot_pass_when_it_is_denied_twice_or_its_rule_is_gone() {
        let cannot = |refusals: &[bool]| {
            let mut invocation = Invocation::default();
            refusals.iter().for_each(|for_good| invocation.refused(&pair(), *for_good));
            invocation.of(&pair()).cannot_write
        };
        assert!(!cannot(&[false]), "denied once");
        assert!(cannot(&[false, false]), "denied twice");
        assert!(cannot(&[true]), "gone");
    }

    #[test]
    fn a_new_phase_tries_its_writes_anew() {
        let mut invocation = Invocation::default();
        invocation.refused(&pair(), true);
        invocation.recorded(&pair());
        assert!(!invocation.of(&pair()).cannot_write);
        invocation.refused(&pair(), false);
        assert!(!invocation.of(&pair()).cannot_write, "denied once since");
    }

    #[test]
    fn what_is_remembered_of_one_pair_says_nothing_of_another() {
        let mut run = Run::new();
        run.invocation.refused(&pair(), true);
        let other = Pair { first: "three".to_owned(), second: "four".to_owned() };
        assert_eq!(run.invocation.of(&other), Memory::default());
    }
}
