//! The scenarios: which jobs are delivered how often, and what may go wrong meanwhile.

use crate::world::Budget;

/// In which order a look reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Torn {
    RulesFirst,
    TagsFirst,
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
    pub pairs: usize,
}

const fn scenario(name: &'static str, jobs: &'static str, deliver: &'static [u8]) -> Scenario {
    let budget = Budget { crash: 0, zombie: 0, edit: 0, wipe: 0, guard: 0 };
    Scenario { name, jobs, deliver, budget, torn: None, pairs: 1 }
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

    const fn torn(mut self, torn: Torn) -> Self {
        self.torn = Some(torn);
        self
    }

    const fn pairs(mut self, pairs: usize) -> Self {
        self.pairs = pairs;
        self
    }
}

/// The model's scenarios, and those that it is silent about.
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
