//! One delivery of an event from its first look to its answer, as the function's loop makes it, where every write is made
//! at once and nobody else is there. No clock: other jobs' plans have ended.

use std::time::Instant;

use blue_green::asked::parameters::Parameters;
use blue_green::plan::look::{Looked, look};
use blue_green::plan::{Labels, Phase, Plan, Write, compose};
use blue_green::release::decide::Memory;
use blue_green::release::id::Asker;
use blue_green::release::invocation::Invocation;
use blue_green::release::record::{Reason, Verdict};
use blue_green::release::several::{Decision, Member, decide_all};
use blue_green::release::turn::Turn;
use blue_green::release::why::Why;
use blue_green::report::Sides;
use blue_green::seen::setup_error::SetupError;
use blue_green::seen::side::Side;
use blue_green::seen::survey::{Survey, survey};
use blue_green::seen::topology::Topology;
use jiff::Timestamp;

use crate::after::after;

/// More turns than any delivery needs that is alone: records, rules, closings, each with its look, there and back.
const TURNS: usize = 12;

/// What came of a delivery.
pub struct Delivered {
    /// The topology then.
    pub topology: Topology,
    /// The plans that were applied, in their order.
    pub plans: Vec<Plan>,
    /// How it ended for each pair; or why nothing could be decided.
    pub ends: Result<Vec<End>, SetupError>,
}

/// How a delivery ended for one pair.
#[derive(Debug)]
pub struct End {
    /// Who is live then, and who is on the test port, where every rule says so; else as it was to be.
    pub sides: Sides,
    /// Whether every rule says so.
    pub whole: bool,
    pub turn: Turn,
}

impl End {
    pub fn verdict(&self) -> Option<Verdict> {
        self.turn.verdict()
    }

    /// Whether the flip was made, now or in an earlier delivery.
    pub fn is_made(&self) -> bool {
        match &self.turn {
            Turn::Close { why, .. } => *why == Some(Why::Made),
            Turn::Answered(closing) => closing.reason == Reason::Made,
            Turn::Set { .. } | Turn::Wait | Turn::Stuck => false,
        }
    }
}

impl Delivered {
    /// Whether the job succeeded.
    pub fn succeeded(&self) -> bool {
        self.verdicts().is_some_and(|verdicts| verdicts.iter().all(|verdict| *verdict == Some(Verdict::Succeeded)))
    }

    /// How it ended for each pair, in a word.
    pub fn verdicts(&self) -> Option<Vec<Option<Verdict>>> {
        self.ends.as_ref().ok().map(|ends| ends.iter().map(End::verdict).collect())
    }

    /// The sides of each pair.
    pub fn sides(&self) -> Vec<Sides> {
        self.ends.iter().flatten().map(|end| end.sides.clone()).collect()
    }

    /// Every write in the order in which it was made, those of a phase backwards where that is wanted.
    pub fn writes(&self, backwards: bool) -> Vec<(Phase, &Write)> {
        let mut writes = Vec::new();
        for (phase, steps) in self.plans.iter().flat_map(|plan| &plan.phases) {
            let mut steps: Vec<(Phase, &Write)> = steps.iter().map(|step| (*phase, &step.write)).collect();
            if backwards {
                steps.reverse();
            }
            writes.extend(steps);
        }
        writes
    }
}

/// Delivers an event.
pub fn deliver(topology: &Topology, asked: &Parameters, asker: &Asker, now: Timestamp) -> Delivered {
    let (mut topology, mut plans, mut invocation, clock) = (topology.clone(), Vec::new(), Invocation::default(), Instant::now());
    for _ in 0..TURNS {
        let (plan, ends) = match turn(&topology, asked, asker, now, &mut invocation, clock) {
            Ok(turned) => turned,
            Err(setup_error) => return Delivered { topology, plans, ends: Err(setup_error) },
        };
        topology = after(&topology, &plan);
        if !plan.is_empty() {
            plans.push(plan);
        }
        if let Some(ends) = ends {
            return Delivered { topology, plans, ends: Ok(ends) };
        }
    }
    let plans: Vec<String> = plans.iter().map(ToString::to_string).collect();
    panic!("no end after {TURNS} turns:\n{}", plans.join("\n"));
}

/// One turn: what it writes, and the end where that is one.
fn turn(
    topology: &Topology,
    asked: &Parameters,
    asker: &Asker,
    now: Timestamp,
    invocation: &mut Invocation,
    clock: Instant,
) -> Result<(Plan, Option<Vec<End>>), SetupError> {
    let found = survey(topology, &asked.ports)?;
    let looked = look(topology, &found, asked, asker, now)?;
    for Looked { pair, member } in &looked {
        invocation.waited(pair);
        invocation.look(pair, &member.view, clock);
    }
    let members: Vec<Member> = looked.iter().map(|looked| looked.member.clone()).collect();
    let memory: Vec<Memory> = looked.iter().map(|looked| invocation.of(&looked.pair)).collect();
    Ok(match decide_all(&members, &memory) {
        Decision::Apply { turns, ends } => {
            let plan = compose(topology, &found, &looked, &turns, Labels::Written);
            remember(invocation, topology, &looked, &plan, clock);
            (plan, ends.map(|ends| end(&looked, ends)))
        }
        Decision::Answer(turns) => (Plan::default(), Some(end(&looked, turns))),
        Decision::Wait => panic!("it has waited already"),
    })
}

fn remember(invocation: &mut Invocation, topology: &Topology, looked: &[Looked], plan: &Plan, clock: Instant) {
    for (phase, step) in plan.steps() {
        let pair = &looked[step.pair].pair;
        match &step.write {
            Write::Tag { group, tags, .. } => invocation.tagged(topology, group, tags),
            Write::Untag { .. } => {}
            Write::Actions { rule, serves, .. } => {
                invocation.wrote(pair, rule.arn(), pair.side(serves).unwrap(), Some(clock));
            }
        }
        if phase == Phase::Records {
            invocation.recorded(pair);
        }
    }
}

fn end(looked: &[Looked], turns: Vec<Turn>) -> Vec<End> {
    let end = |(Looked { pair, member }, turn): (&Looked, Turn)| {
        let live = member.view.live();
        let side = live.or(member.ask.target).unwrap_or(Side::First);
        let sides = Sides { live: pair.arn(side).to_owned(), test: pair.arn(side.other()).to_owned() };
        End { sides, whole: live.is_some(), turn }
    };
    looked.iter().zip(turns).map(end).collect()
}

/// The rules' twins and pairs, of a load balancer that has some.
pub fn surveyed<'a>(topology: &'a Topology, asked: &Parameters) -> Survey<'a> {
    survey(topology, &asked.ports).unwrap()
}
