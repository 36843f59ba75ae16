//! The world that is explored: one or two pairs, three rules each, their tags, and the processes that work on them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use blue_green::release::decide::{Ask, Memory};
use blue_green::release::id::Asker;
use blue_green::release::journal::{Journal, Tags};
use blue_green::release::record::Verdict;
use blue_green::release::refusal::Refusal;
use blue_green::release::several::{Decision, Member, decide_all};
use blue_green::release::view::{Rule, View};
use blue_green::seen::side::{Both, Side};
use jiff::Timestamp;

use crate::steps::{Step, steps};

/// Whom the rules of a pair serve: two on the live port, one on the test port.
pub type Rules = [Side; 3];
/// The tags of one group.
pub type Group = BTreeMap<String, String>;
/// The tags of every group, two a pair, by their numbers in [`Interned`].
pub type Marks = Vec<[u32; 2]>;

/// The rules where `live` is live everywhere.
pub fn shape(live: Side) -> Rules {
    [live, live, live.other()]
}

/// A job: its name, its flip, and what it promotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Job {
    pub name: char,
    pub flip: &'static str,
    pub target: Option<Side>,
}

/// The jobs by their letters. R is a Retry of A: the same flip by another job. U names nothing.
pub fn job(name: char) -> Job {
    let (flip, target) = match name {
        'A' | 'R' => ("a", Some(Side::Second)),
        'B' => ("b", Some(Side::First)),
        'C' => ("c", Some(Side::Second)),
        'D' => ("d", Some(Side::First)),
        'U' => ("u", None),
        other => panic!("no job is called {other}"),
    };
    Job { name, flip, target }
}

/// What is behind what the states name by numbers.
#[derive(Default)]
pub struct Interned {
    groups: Vec<Arc<Group>>,
    numbers: HashMap<Arc<Group>, u32>,
    plans: HashMap<Looked, Arc<[Step]>>,
}

/// Everything that a decision depends on.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Looked {
    pub rules: Vec<Rules>,
    pub marks: Marks,
    pub fit: bool,
    pub job: Job,
    pub memory: Vec<Memory>,
}

impl Interned {
    pub fn number(&mut self, group: Group) -> u32 {
        if let Some(number) = self.numbers.get(&group) {
            return *number;
        }
        let (group, number) = (Arc::new(group), u32::try_from(self.groups.len()).unwrap());
        self.groups.push(Arc::clone(&group));
        self.numbers.insert(group, number);
        number
    }

    pub fn group(&self, number: u32) -> &Group {
        &self.groups[number as usize]
    }

    /// The records of a pair.
    pub fn journal(&self, marks: [u32; 2]) -> Journal {
        let [first, second] = marks.map(|number| self.group(number));
        Journal::read([Tags { tags: first, tail: TAILS[0] }, Tags { tags: second, tail: TAILS[1] }])
    }

    /// The steps that the table's decision leads to.
    pub fn plan(&mut self, looked: &Looked) -> Arc<[Step]> {
        if let Some(plan) = self.plans.get(looked) {
            return Arc::clone(plan);
        }
        let plan: Arc<[Step]> = steps(&self.decide(looked), &looked.rules).into();
        self.plans.insert(looked.clone(), Arc::clone(&plan));
        plan
    }

    fn decide(&self, looked: &Looked) -> Decision {
        let member = |(rules, marks): (&Rules, &[u32; 2])| Member {
            view: view(*rules, self.journal(*marks), looked.fit),
            ask: ask(looked.job),
            called: "the group".to_owned(),
        };
        let members: Vec<Member> = looked.rules.iter().zip(&looked.marks).map(member).collect();
        decide_all(&members, &looked.memory)
    }
}

/// The tails of the two groups' ARNs, the same in every pair.
const TAILS: [&str; 2] = ["zero/0", "one/1"];

fn ask(job: Job) -> Ask {
    Ask {
        asker: Asker::new(Some(job.flip), &[], &job.name.to_string()),
        execution: None,
        target: job.target,
        tails: TAILS.map(str::to_owned),
        now: Timestamp::UNIX_EPOCH,
    }
}

/// What is seen of a pair. Only group 1 is ever too small.
fn view(rules: Rules, journal: Journal, fit: bool) -> View {
    let unfit = || Refusal::Together { group: "group 1".to_owned() };
    let rule = |(index, serves): (usize, Side)| Rule { live: index < 2, serves: Some(serves), bound: false };
    View {
        journal,
        rules: rules.into_iter().enumerate().map(rule).collect(),
        capacity: Both([Ok(()), if fit { Ok(()) } else { Err(unfit()) }]),
        image: Both([Ok(()), Ok(())]),
        fences: Both([None, None]),
        fenced: Both([None, None]),
        setup: None,
        shared: None,
        unclear: unfit(),
        room: Both([Ok(()), Ok(())]),
    }
}

/// What was read first, where rules and tags are read apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Half {
    Rules(Vec<Rules>),
    Tags(Marks, bool),
}

/// One delivery at work.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Process {
    pub job: usize,
    /// The steps that are left; none before the first look.
    pub plan: Option<(Arc<[Step]>, usize)>,
    pub memory: Vec<Memory>,
    pub looks: u32,
    /// Whether it began when its job was answered already, or after a person changed what its flip had made.
    pub late: bool,
    pub half: Option<Half>,
}

impl Process {
    pub fn left(&self) -> &[Step] {
        self.plan.as_ref().map_or(&[], |(steps, at)| &steps[*at..])
    }
}

/// What may still happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Budget {
    pub crash: u8,
    pub zombie: u8,
    pub edit: u8,
    pub wipe: u8,
    pub guard: u8,
}

/// One state of everything.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub rules: Vec<Rules>,
    pub marks: Marks,
    pub fit: bool,
    pub processes: Vec<Process>,
    /// How many deliveries of each job are still to come.
    pub pending: Vec<u8>,
    /// A dead process's write that is still on its way.
    pub zombie: Option<(Step, usize)>,
    pub budget: Budget,
    /// How each job was answered first.
    pub answered: Vec<Option<Verdict>>,
    /// Which groups of the first pair were on all live rules since each job's first look.
    pub live_since: Vec<Option<u8>>,
    /// The flip whose rules a person changed when it was made; `-` where it was not at rest.
    pub edited: Option<String>,
}
