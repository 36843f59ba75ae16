//! The world that is explored: one or two pairs, three rules each, their tags, and the processes that work on them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use blue_green::release::decide::{Ask, Memory};
use blue_green::release::fence::Fence;
use blue_green::release::id::{Asker, Digest};
use blue_green::release::journal::{Journal, Tags};
use blue_green::release::record::{Flip, Verdict};
use blue_green::release::refusal::Refusal;
use blue_green::release::several::{Decision, Member, decide_all};
use blue_green::release::view::{Rule, View};
use blue_green::seen::setup_error::SetupError;
use blue_green::seen::side::{Both, Side};
use jiff::Timestamp;

use crate::own::Own;
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
    /// Whether it is about the first pair only.
    pub first_only: bool,
}

/// The jobs by their letters. R is a Retry of A: the same flip by another job. U names nothing. E names the first pair only.
pub fn job(name: char) -> Job {
    let (flip, target) = match name {
        'A' | 'R' => ("a", Some(Side::Second)),
        'B' => ("b", Some(Side::First)),
        'C' => ("c", Some(Side::Second)),
        'D' => ("d", Some(Side::First)),
        'E' => ("e", Some(Side::First)),
        'U' => ("u", None),
        other => panic!("no job is called {other}"),
    };
    Job { name, flip, target, first_only: name == 'E' }
}

/// In which order the SHA-256 digests of the flip ids sort: it decides between two flips of the same generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Digests {
    /// u, c, b, a.
    AsNamed,
    /// The same jobs with other flip ids, whose digests sort the other way.
    Reversed,
}

impl Digests {
    pub const BOTH: [Self; 2] = [Self::AsNamed, Self::Reversed];

    /// The job with the flip id of this order.
    pub fn of(self, job: Job) -> Job {
        let reversed = || REVERSED.iter().find(|(flip, _)| *flip == job.flip).unwrap().1;
        Job { flip: if self == Self::AsNamed { job.flip } else { reversed() }, ..job }
    }
}

/// The flip ids, and those whose digests sort the other way.
const REVERSED: [(&str, &str); 5] = [("a", "s"), ("b", "v"), ("c", "k"), ("e", "e"), ("u", "g")];

#[test]
fn the_reversed_flip_ids_sort_the_other_way() {
    let sorted = |mut pairs: Vec<(Digest, Digest)>| {
        pairs.sort();
        pairs
    };
    let pairs = sorted(REVERSED.iter().map(|(one, other)| (Digest::of(one), Digest::of(other))).collect());
    assert!(pairs.windows(2).all(|two| two[0].0 < two[1].0 && two[0].1 > two[1].1), "{pairs:?}");
}

/// What is behind what the states name by numbers.
#[derive(Default)]
pub struct Interned {
    groups: Vec<Arc<Group>>,
    numbers: HashMap<Arc<Group>, u32>,
    plans: HashMap<Looked, Plan>,
    steps: HashMap<Arc<[Step]>, u32>,
    newest: HashMap<[u32; 2], Newest>,
}

/// The pair's flip, and the group that it promotes.
pub type Newest = Arc<Option<(Side, Flip)>>;

/// Steps by their number in [`Interned`]: the same steps have the same number.
#[derive(Clone, Debug)]
pub struct Plan(u32, pub Arc<[Step]>);

impl PartialEq for Plan {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Plan {}

impl std::hash::Hash for Plan {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl PartialOrd for Plan {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Plan {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

/// Everything that a decision depends on.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Looked {
    pub rules: Vec<Rules>,
    pub marks: Marks,
    pub fit: bool,
    pub odd: Odd,
    pub job: Job,
    pub memory: Vec<Memory>,
}

/// What is odd about the first pair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Odd {
    /// Which execution rebuilds group 1.
    pub fenced: Option<&'static str>,
    /// The first live rule shares its traffic.
    pub shared: bool,
    /// Group 1 does not run the image that is asked for.
    pub wrong_image: bool,
    /// This rule was deleted.
    pub gone: Option<usize>,
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

    /// The pair's flip.
    pub fn newest(&mut self, marks: [u32; 2]) -> Newest {
        if let Some(newest) = self.newest.get(&marks) {
            return Arc::clone(newest);
        }
        let newest = Newest::new(self.journal(marks).newest());
        self.newest.insert(marks, Arc::clone(&newest));
        newest
    }

    /// The steps that the table's decision leads to.
    pub fn plan(&mut self, looked: &Looked) -> Plan {
        if let Some(plan) = self.plans.get(looked) {
            return plan.clone();
        }
        let plan = self.planned(steps(&self.decide(looked), &looked.rules));
        self.plans.insert(looked.clone(), plan.clone());
        plan
    }

    /// These steps as a plan.
    pub fn planned(&mut self, steps: Vec<Step>) -> Plan {
        let (steps, new): (Arc<[Step]>, u32) = (steps.into(), u32::try_from(self.steps.len()).unwrap());
        Plan(*self.steps.entry(Arc::clone(&steps)).or_insert(new), steps)
    }

    /// What the table says.
    pub fn decide(&self, looked: &Looked) -> Decision {
        let member = |(rules, marks): (&Rules, &[u32; 2])| Member {
            view: view(*rules, self.journal(*marks), looked.fit, looked.odd),
            ask: ask(looked.job),
            called: "the group".to_owned(),
        };
        let pairs = if looked.job.first_only { 1 } else { looked.rules.len() };
        let members: Vec<Member> = looked.rules.iter().zip(&looked.marks).take(pairs).map(member).collect();
        decide_all(&members, &looked.memory)
    }
}

/// The tails of the two groups' ARNs, the same in every pair.
pub const TAILS: [&str; 2] = ["zero/0", "one/1"];

fn ask(job: Job) -> Ask {
    Ask {
        asker: Asker::new(Some(job.flip), &[], &job.name.to_string()),
        execution: Some(job.flip.to_owned()),
        target: job.target,
        tails: TAILS.map(str::to_owned),
        now: Timestamp::UNIX_EPOCH,
    }
}

/// The rules' names.
pub const RULES: [&str; 3] = ["L1", "L2", "T"];

/// What is seen of a pair. Only group 1 is ever too small.
pub fn view(rules: Rules, journal: Journal, fit: bool, odd: Odd) -> View {
    let refusal = || Refusal::Together { group: "group 1".to_owned() };
    let gone = odd.gone.map(|rule| SetupError::NoTwin {
        port: 80,
        rule: RULES[rule].to_owned(),
        group: "group 1".to_owned(),
        other: 8080,
        instead: None,
    });
    let rule = |(index, serves): (usize, Side)| Rule {
        arn: RULES[index].to_owned(),
        live: index < 2,
        serves: Some(serves).filter(|_| !odd.shared || index > 0),
        bound: false,
    };
    let fence = |by: &str| Fence { execution: by.to_owned(), image: "v9".to_owned(), time: Timestamp::UNIX_EPOCH };
    View {
        journal,
        rules: rules.into_iter().enumerate().filter(|(index, _)| odd.gone != Some(*index)).map(rule).collect(),
        capacity: Both([Ok(()), if fit { Ok(()) } else { Err(refusal()) }]),
        companions: Both::default(),
        image: Both([Ok(()), if odd.wrong_image { Err(refusal()) } else { Ok(()) }]),
        fences: Both([None, odd.fenced.map(fence)]),
        fenced: Both([None, odd.fenced.map(|_| refusal())]),
        setup: gone,
        shared: odd.shared.then(refusal),
        unclear: refusal(),
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
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Process {
    pub job: usize,
    /// The steps that are left; none before the first look.
    pub plan: Option<(Plan, usize)>,
    pub memory: Vec<Memory>,
    pub looks: u32,
    /// Whether it began when its job was answered already, or after a person changed what its flip had made.
    pub late: bool,
    pub half: Option<Half>,
    /// Whether it began after a person changed what a newer flip than its own had made.
    pub overtaken: bool,
    /// What it wrote, where reads may be stale.
    pub own: Own,
}

/// The rules and the tags as they were before the last write of each.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Before {
    pub rules: Vec<Rules>,
    pub marks: Marks,
}

impl Process {
    pub fn left(&self) -> &[Step] {
        self.plan.as_ref().map_or(&[], |(plan, at)| &plan.1[*at..])
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
    /// How often group 1 becomes fenced, by the first job's execution or another one, or free again.
    pub fence: u8,
    /// How many processes reach their deadline.
    pub deadline: u8,
    /// How many rule writes are refused for good.
    pub deny: u8,
    /// How many looks may show rules or tags as they were before the last write.
    pub stale: u8,
}

/// One state of everything.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub rules: Vec<Rules>,
    pub marks: Marks,
    /// What a stale look shows.
    pub before: Option<Before>,
    pub fit: bool,
    pub odd: Odd,
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
