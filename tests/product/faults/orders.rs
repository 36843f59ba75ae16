//! Every order of the calls of a deployer and of a roll-back that can make a difference.
//!
//! Two calls of which neither sees what the other does may change places: orders that differ only so are one. What is
//! left are the orders that differ in what some call finds done. They are searched depth first, and each is kept once.

use std::collections::{BTreeMap, HashSet};

use Event::*;

/// A call of which the place matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Event {
    // The deployer's.
    LiveRules,
    TestRules,
    Tags,
    Fence,
    /// The second look. No plan lives as long as the deployer waits before it: what the roll-back has not done is not done.
    Look,
    // The roll-back's.
    FlipTags,
    /// Or, where it is refused, the note that it is over.
    Journal,
    LiveDefault,
    LiveRule,
    TestDefault,
    TestRule,
    OneLabel,
    OtherLabel,
    /// The tags, in its own second look.
    VerifyTags,
    Answer,
}

const LIVE: [Event; 2] = [LiveDefault, LiveRule];
const REST: [Event; 2] = [TestDefault, TestRule];

impl Event {
    pub const ALL: [Self; 15] = [
        LiveRules,
        TestRules,
        Tags,
        Fence,
        Look,
        FlipTags,
        Journal,
        LiveDefault,
        LiveRule,
        TestDefault,
        TestRule,
        OneLabel,
        OtherLabel,
        VerifyTags,
        Answer,
    ];

    /// Whether the deployer makes it.
    pub fn is_deployers(self) -> bool {
        matches!(self, LiveRules | TestRules | Tags | Fence | Look)
    }

    /// What the same process has done before, always.
    fn follows(self) -> &'static [Self] {
        match self {
            LiveRules | TestRules | Tags | FlipTags => &[],
            Fence => &[LiveRules, TestRules, Tags],
            Look => &[Fence],
            Journal => &[FlipTags],
            LiveDefault | LiveRule => &[Journal],
            TestDefault | TestRule => &LIVE,
            VerifyTags => &REST,
            // The closing with a label, and the other label: which is which is told apart by nothing that the deployer reads.
            OneLabel => &[VerifyTags],
            OtherLabel => &[OneLabel],
            Answer => &[OneLabel, OtherLabel],
        }
    }

    /// With which calls of the roll-back a call of the deployer may not change places.
    fn meets(self) -> &'static [Self] {
        match self {
            LiveRules => &LIVE,
            TestRules => &[TestDefault, TestRule],
            Tags => &[Journal, OneLabel, OtherLabel],
            Fence => &[FlipTags, VerifyTags],
            Look => &[FlipTags, Journal, LiveDefault, LiveRule, TestDefault, TestRule, OneLabel, OtherLabel, VerifyTags, Answer],
            _ => &[],
        }
    }
}

/// What each call of the deployer found done.
type Found = BTreeMap<Event, Vec<Event>>;

/// One order of each kind, to the deployer's second look.
pub fn orders() -> Vec<Vec<Event>> {
    let mut known = HashSet::new();
    let mut orders = BTreeMap::new();
    let mut open = vec![(Vec::new(), Found::new())];
    while let Some((order, found)) = open.pop() {
        if order.contains(&Look) {
            orders.entry(found).or_insert(order);
            continue;
        }
        for event in Event::ALL {
            if order.contains(&event) || !event.follows().iter().all(|earlier| order.contains(earlier)) {
                continue;
            }
            // A flip that reads the fence is refused: it only notes that, and looks whether its note stands.
            let refused = found.get(&Fence).is_some_and(|seen| !seen.contains(&FlipTags));
            if refused && !event.is_deployers() && !matches!(event, FlipTags | Journal) {
                continue;
            }
            let mut found = found.clone();
            if event.is_deployers() {
                found.insert(event, event.meets().iter().filter(|met| order.contains(met)).copied().collect());
            }
            let order: Vec<Event> = order.iter().copied().chain([event]).collect();
            let mut done = order.clone();
            done.sort_unstable();
            if known.insert((done, found.clone())) {
                open.push((order, found));
            }
        }
    }
    orders.into_values().collect()
}
