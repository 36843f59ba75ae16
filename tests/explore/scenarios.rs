//! The scenarios: which jobs are delivered how often, and what may go wrong meanwhile.

use crate::history::Oldest;
use crate::world::Budget;

/// In which order a look reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Torn {
    RulesFirst,
    TagsFirst,
}

/// What a stale look may show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lag {
    /// Everything as it was before the last write.
    Last,
    /// The rules as they were before the last write of a rule, the tags as before the last write of tags.
    LastOfEach,
}

/// One scenario.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    pub name: &'static str,
    /// The jobs by their letters.
    pub jobs: &'static str,
    /// How often each is delivered, beside the deliveries that crashes add.
    pub deliver: &'static [u8],
    pub budget: Budget,
    pub torn: Option<Torn>,
    pub lag: Lag,
    /// Whether an edit of a newer flip must stay.
    pub edit_after_newer: bool,
    /// Which flips were before; processes remove old records then.
    pub history: Option<Oldest>,
    pub pairs: usize,
}

const fn scenario(name: &'static str, jobs: &'static str, deliver: &'static [u8]) -> Scenario {
    let budget = Budget { crash: 0, zombie: 0, edit: 0, wipe: 0, guard: 0, fence: 0, deadline: 0, deny: 0, stale: 0 };
    Scenario { name, jobs, deliver, budget, torn: None, lag: Lag::Last, edit_after_newer: false, history: None, pairs: 1 }
}

impl Scenario {
    const fn crash(mut self, times: u8) -> Self {
        self.budget.crash = times;
        self
    }

    const fn zombie(mut self) -> Self {
        self.budget.zombie = 1;
        self
    }

    const fn edit(mut self) -> Self {
        self.budget.edit = 1;
        self
    }

    const fn wipe(mut self) -> Self {
        self.budget.wipe = 1;
        self
    }

    const fn guard(mut self, times: u8) -> Self {
        self.budget.guard = times;
        self
    }

    const fn fence(mut self, times: u8) -> Self {
        self.budget.fence = times;
        self
    }

    const fn deadline(mut self, times: u8) -> Self {
        self.budget.deadline = times;
        self
    }

    const fn deny(mut self, times: u8) -> Self {
        self.budget.deny = times;
        self
    }

    const fn stale(mut self, times: u8) -> Self {
        self.budget.stale = times;
        self
    }

    const fn lag(mut self, lag: Lag) -> Self {
        self.lag = lag;
        self
    }

    const fn history(mut self, oldest: Oldest) -> Self {
        self.history = Some(oldest);
        self
    }

    const fn edit_after_newer(mut self) -> Self {
        self.edit_after_newer = true;
        self.edit()
    }

    const fn torn(mut self, torn: Torn) -> Self {
        self.torn = Some(torn);
        self
    }

    const fn pairs(mut self, pairs: usize) -> Self {
        self.pairs = pairs;
        self
    }
}

/// The model's scenarios, and some beside them.
pub const SCENARIOS: &[Scenario] = &[
    scenario("one flip, twice, two crashes", "A", &[2]).crash(2),
    scenario("one flip, twice, guard changes twice, crash", "A", &[2]).crash(1).guard(2),
    scenario("there and back", "AB", &[1, 1]).crash(1),
    scenario("there twice and back", "AB", &[2, 1]).crash(1),
    scenario("there and back twice", "AB", &[1, 2]).crash(1),
    scenario("there and back, guard changes twice", "AB", &[2, 1]).guard(2),
    scenario("two to the same group", "AC", &[2, 1]).crash(1),
    scenario("two to the same group, guard", "AC", &[1, 1]).crash(1).guard(1),
    scenario("named and unnamed", "AU", &[1, 2]).crash(1),
    scenario("there, back, there", "ABC", &[1, 1, 1]),
    scenario("there twice, back, there", "ABC", &[2, 1, 1]),
    scenario("flip and Retry", "AR", &[2, 1]).crash(1).guard(1),
    scenario("flip, Retry and back", "ARB", &[1, 1, 1]).crash(1),
    scenario("edited by hand", "AR", &[2, 1]).crash(1).edit(),
    scenario("edited by hand, and back", "AB", &[2, 1]).edit(),
    scenario("late write of a dead process", "A", &[1]).crash(1).zombie(),
    scenario("late write of a dead process, and back", "AB", &[1, 1]).crash(1).zombie(),
    scenario("tags wiped", "AB", &[1, 1]).wipe(),
    scenario("tags wiped, crash", "A", &[2]).crash(1).wipe(),
    scenario("torn: rules first", "AB", &[1, 1]).crash(1).torn(Torn::RulesFirst),
    scenario("torn: tags first", "AB", &[1, 1]).crash(1).torn(Torn::TagsFirst),
    scenario("two to the same group, two crashes, guard", "AC", &[1, 1]).crash(2).guard(1),
    scenario("there, back, there, guard", "ABC", &[1, 1, 1]).guard(1),
    scenario("unnamed beside a named one, guard, crash", "AU", &[1, 1]).crash(1).guard(1),
    scenario("unnamed, torn: rules first", "AU", &[1, 1]).torn(Torn::RulesFirst),
    scenario("unnamed, torn: tags first", "AU", &[1, 1]).torn(Torn::TagsFirst),
    scenario("two pairs, twice, crash", "A", &[2]).crash(1).pairs(2),
    scenario("two pairs, twice, guard", "A", &[2]).guard(1).pairs(2),
];

/// Two copies of one job side by side, and the guard fails once: who closes the job as not made has to wait for the other
/// one's plan.
pub const COPIES: &[Scenario] = &[
    scenario("copies: one flip, twice, guard", "A", &[2]).guard(1),
    scenario("copies: one flip, three times, guard", "A", &[3]).guard(1),
    scenario("copies: one flip, twice, guard, crash", "A", &[2]).crash(1).guard(1),
    scenario("copies: one flip, twice, guard, and back", "AB", &[2, 1]).guard(1),
];

/// Group 1 becomes fenced, and free again.
pub const FENCE: &[Scenario] = &[
    scenario("fence: one flip, twice, crash", "A", &[2]).crash(1).fence(2),
    scenario("fence: there and back, crash", "AB", &[1, 1]).crash(1).fence(1),
    scenario("fence: there and back", "AB", &[1, 1]).fence(2),
    scenario("fence: back, there", "BA", &[1, 1]).crash(1).fence(1),
    scenario("fence: two to the same group", "AC", &[1, 1]).crash(1).fence(1),
    scenario("fence: there, back, there", "ABC", &[1, 1, 1]).fence(1),
    scenario("fence: named and unnamed", "AU", &[1, 1]).crash(1).fence(1),
    scenario("fence: flip and Retry, guard", "AR", &[1, 1]).crash(1).guard(1).fence(2),
];

/// A process is out of time: R, a Retry of A, comes as often as A or R was.
pub const DEADLINES: &[Scenario] = &[
    scenario("deadline: flip, crash, guard", "AR", &[1, 0]).crash(1).guard(1).deadline(1),
    scenario("deadline: flip, twice", "AR", &[1, 0]).guard(1).deadline(2),
    scenario("deadline: flip delivered twice", "AR", &[2, 0]).guard(1).deadline(1),
    scenario("deadline: there and back", "ARB", &[1, 0, 1]).deadline(1),
    scenario("deadline: there and back, guard", "ARB", &[1, 0, 1]).guard(1).deadline(1),
    scenario("deadline: there and back, crash", "ARB", &[1, 0, 1]).crash(1).deadline(1),
    scenario("deadline: two to the same group", "ARC", &[1, 0, 1]).guard(1).deadline(1),
    scenario("deadline: named and unnamed", "ARU", &[1, 0, 1]).deadline(1),
];

/// Rule writes are refused for good; where an undo is, R, a Retry of A, comes.
pub const DENIED: &[Scenario] = &[
    scenario("denied: one flip, twice, crash", "AR", &[2, 0]).crash(1).deny(1),
    scenario("denied: the undo too", "AR", &[2, 0]).deny(2),
    scenario("denied: the undo too, crash, guard", "AR", &[1, 0]).crash(1).guard(1).deny(2),
    scenario("denied: there and back, crash", "ARB", &[1, 0, 1]).crash(1).deny(1),
    scenario("denied: there and back, guard", "ARB", &[1, 0, 1]).guard(1).deny(1),
    scenario("denied: two to the same group, guard", "AC", &[1, 1]).guard(1).deny(1),
    scenario("denied: named and unnamed", "AU", &[1, 1]).deny(1),
    scenario("denied: two pairs, twice", "AR", &[2, 0]).deny(1).pairs(2),
];

/// Two pairs, and an opposite flip of the first one by another job, which does not name the second one.
pub const PAIRS: &[Scenario] = &[
    scenario("two pairs, and back on one", "AE", &[1, 1]).pairs(2),
    scenario("two pairs, twice, and back on one", "AE", &[2, 1]).pairs(2),
    scenario("two pairs, and back on one, crash", "AE", &[1, 1]).crash(1).pairs(2),
    scenario("two pairs, and back on one, guard", "AE", &[1, 1]).guard(1).pairs(2),
    scenario("two pairs, and back on one, crash, guard", "AE", &[1, 1]).crash(1).guard(1).pairs(2),
    scenario("two pairs, unfinished, and back on one", "ARE", &[1, 0, 1]).guard(1).deadline(1).pairs(2),
];

/// Each process removes old records after its answer, at once or late.
pub const REMOVAL: &[Scenario] = &[
    scenario("removal: there and back", "AB", &[1, 1]).crash(1).history(Oldest::Foreign),
    scenario("removal: two to the same group", "AC", &[1, 1]).crash(1).guard(1).history(Oldest::Foreign),
    scenario("removal: there, back, there", "ABC", &[1, 1, 1]).history(Oldest::Foreign),
    scenario("removal: flip and Retry", "AR", &[1, 1]).crash(1).guard(1).history(Oldest::Foreign),
    scenario("removal: named and unnamed", "CU", &[1, 1]).history(Oldest::Foreign),
    scenario("removal: an old flip in progress", "ACB", &[1, 1, 1]).history(Oldest::Moving),
    scenario("removal: an old flip in progress, crash", "AC", &[1, 1]).crash(1).history(Oldest::Moving),
    scenario("removal: a late copy of an old job", "ACB", &[1, 1, 1]).history(Oldest::Made),
    scenario("removal: a late copy of an old job, one flip since", "AC", &[1, 1]).crash(1).history(Oldest::Made),
];

/// A person edits rules after a newer flip was made.
pub const EDITS: &[Scenario] = &[
    scenario("edit after a newer flip: delivered twice", "AB", &[2, 1]).edit_after_newer(),
    scenario("edit after a newer flip: crash", "AB", &[1, 1]).crash(1).edit_after_newer(),
    scenario("edit after a newer flip: to the same group", "AC", &[2, 1]).edit_after_newer(),
    scenario("edit after a newer flip: crash, to the same group", "AC", &[1, 1]).crash(1).edit_after_newer(),
    scenario("edit after a newer flip: named and unnamed, crash", "AU", &[1, 1]).crash(1).edit_after_newer(),
    scenario("edit after a newer flip: unfinished, Retry", "ARB", &[1, 0, 1]).deadline(1).edit_after_newer(),
];

/// A look may show the rules or the tags as they were before the last write.
pub const STALE: &[Scenario] = &[
    scenario("stale: one flip, twice, guard, crash", "A", &[2]).crash(1).guard(1).stale(2),
    scenario("stale: there and back", "AB", &[1, 1]).stale(2),
    scenario("stale: there twice and back", "AB", &[2, 1]).stale(1),
    scenario("stale: there and back, crash", "AB", &[1, 1]).crash(1).stale(1),
    scenario("stale: there and back, guard", "AB", &[1, 1]).guard(1).stale(1),
    scenario("stale: two to the same group, guard", "AC", &[1, 1]).guard(1).stale(2),
    scenario("stale: named and unnamed", "AU", &[1, 1]).stale(2),
    scenario("stale: flip and Retry, guard", "AR", &[1, 1]).crash(1).guard(1).stale(2),
    scenario("stale: flip, Retry and back", "ARB", &[1, 1, 1]).stale(1),
    scenario("stale for several writes: there and back", "AB", &[1, 1]).stale(1).lag(Lag::LastOfEach),
];
