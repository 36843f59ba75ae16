//! Breadth first over all interleavings: every state once, so that the first trace to a failure is the shortest.

mod calls;
mod ends;
mod looks;
mod world_events;

use std::collections::{BTreeMap, HashMap};

use blue_green::release::id::FlipId;
use blue_green::release::record::{Phase, Verdict};
use blue_green::release::view::says;
use blue_green::seen::side::Side;

use crate::history::{Oldest, history};
use crate::invariants::{Invariant, LOOKS};
use crate::mutants::Mutant;
use crate::scenarios::Scenario;
use crate::world::{Digests, Group, Interned, Job, Odd, Rules, State, job, shape};

/// Who runs beside whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beside {
    /// One process at a time: reserved concurrency 1.
    Nobody,
    /// One delivery of a flip at a time; different flips side by side.
    OtherFlips,
    /// Everything.
    Everybody,
}

/// What an exploration found.
pub struct Found {
    pub states: usize,
    pub looks: u32,
    /// The shortest trace to each failure.
    pub traces: BTreeMap<Invariant, Vec<String>>,
}

pub struct Explorer {
    scenario: Scenario,
    beside: Beside,
    /// What the table or the loop lacks, where that is tried.
    mutant: Option<Mutant>,
    jobs: Vec<Job>,
    interned: Interned,
    /// Each state with the one before it and what led from there to here.
    seen: Vec<(u32, String)>,
    numbers: HashMap<State, u32>,
    failures: BTreeMap<Invariant, (u32, String)>,
    looks: u32,
}

/// What leads out of a state.
type Out = Vec<(String, State)>;

impl Explorer {
    pub fn new(scenario: Scenario, beside: Beside, digests: Digests) -> Self {
        Self {
            scenario,
            beside,
            mutant: None,
            jobs: scenario.jobs.chars().map(|name| digests.of(job(name))).collect(),
            interned: Interned::default(),
            seen: Vec::new(),
            numbers: HashMap::new(),
            failures: BTreeMap::new(),
            looks: 0,
        }
    }

    /// The same, but what is explored lacks something.
    pub fn lacking(self, mutant: Mutant) -> Self {
        Self { mutant: Some(mutant), ..self }
    }

    /// The state before anything was delivered.
    fn first(&mut self) -> State {
        let empty = self.interned.number(Group::new());
        let first = State {
            rules: vec![shape(Side::First); self.scenario.pairs],
            marks: vec![[empty; 2]; self.scenario.pairs],
            before: None,
            fit: true,
            odd: Odd::default(),
            processes: Vec::new(),
            pending: self.scenario.deliver.to_vec(),
            zombie: None,
            budget: self.scenario.budget,
            answered: vec![None; self.jobs.len()],
            live_since: vec![None; self.jobs.len()],
            edited: None,
        };
        self.with_history(first)
    }

    /// Explores every state.
    pub fn run(mut self) -> Found {
        let first = self.first();
        let mut todo = vec![(first.clone(), 0)];
        self.numbers.insert(first, 0);
        self.seen.push((0, String::new()));
        while !todo.is_empty() {
            let mut next = Vec::new();
            for (state, number) in todo {
                for (label, mut then) in self.out(&state, number) {
                    then.processes.sort();
                    let looks = then.processes.iter().map(|process| process.looks).max().unwrap_or_default();
                    self.looks = self.looks.max(looks);
                    if looks > LOOKS {
                        self.fail(Invariant::Ends, number, label);
                    } else if !self.numbers.contains_key(&then) {
                        let new = u32::try_from(self.seen.len()).unwrap();
                        self.seen.push((number, label));
                        self.numbers.insert(then.clone(), new);
                        next.push((then, new));
                    }
                }
            }
            todo = next;
        }
        let traces = self.failures.iter().map(|(invariant, (at, last))| (*invariant, self.trace(*at, last))).collect();
        Found { states: self.seen.len(), looks: self.looks, traces }
    }

    fn with_history(&mut self, mut first: State) -> State {
        let Some(oldest) = self.scenario.history else { return first };
        first.marks = vec![history(oldest, self.jobs[0]).map(|group| self.interned.number(group))];
        if oldest == Oldest::Made {
            (first.answered[0], first.live_since[0]) = (Some(Verdict::Succeeded), Some(2));
        }
        first
    }

    fn trace(&self, mut at: u32, last: &str) -> Vec<String> {
        let mut trace = vec![last.to_owned()];
        while at != 0 {
            let (before, label) = &self.seen[at as usize];
            trace.push(label.clone());
            at = *before;
        }
        trace.reverse();
        trace
    }

    fn fail(&mut self, invariant: Invariant, at: u32, label: String) {
        self.failures.entry(invariant).or_insert((at, label));
    }

    fn out(&mut self, state: &State, number: u32) -> Out {
        if state.processes.is_empty() && state.pending.iter().all(|left| *left == 0) && state.zombie.is_none() {
            self.at_the_end(state, number);
            return Out::new();
        }
        let mut out = Out::new();
        self.world_events(state, &mut out);
        self.deliveries(state, number, &mut out);
        for index in 0..state.processes.len() {
            self.deaths(state, index, &mut out);
            self.deadlines(state, index, &mut out);
            self.works(state, index, number, &mut out);
        }
        for (_, then) in &mut out {
            note_live(then);
        }
        out
    }

    /// Nothing runs and nothing is to come.
    fn at_the_end(&mut self, state: &State, number: u32) {
        if state.edited.is_some() {
            return;
        }
        for pair in 0..self.scenario.pairs {
            let (rules, newest) = (state.rules[pair], self.interned.newest(state.marks[pair]));
            let label = || format!("END: rules {rules:?}, newest record {newest:?}, answered {:?}", state.answered);
            if ![shape(Side::First), shape(Side::Second)].contains(&rules) {
                self.fail(Invariant::Whole, number, label());
                continue;
            }
            let untouched = state.budget.wipe == self.scenario.budget.wipe;
            if let (true, Some((on, flip))) = (untouched, newest.as_ref()) {
                let of_flip = |job: &Job| FlipId::new(job.flip, &[]) == flip.id;
                let expected = if flip.phase == Phase::Done { Verdict::Succeeded } else { Verdict::Failed };
                let mut answers = self.jobs.iter().zip(&state.answered).filter(|(job, _)| of_flip(job));
                let foreign = !self.jobs.iter().any(of_flip);
                let told = foreign || answers.any(|(_, answer)| answer.is_none_or(|answer| answer == expected));
                let at_rest = matches!(flip.phase, Phase::Done | Phase::Undone);
                // With several pairs a job fails where one of them does.
                let several = self.scenario.pairs > 1;
                if !at_rest || rules != shape(says(*on, flip)) || (!told && !several) {
                    self.fail(Invariant::RecordTells, number, label());
                }
            }
        }
    }
}

/// Remembers, for every job that has looked, which group of the first pair is on all live rules now.
fn note_live(state: &mut State) {
    let live = live_everywhere(&state.rules);
    state.live_since.iter_mut().flatten().for_each(|seen| *seen |= live);
}

/// The bit of the group of the first pair that is on all live rules.
fn live_everywhere(rules: &[Rules]) -> u8 {
    let [one, other, _] = rules[0];
    if one == other { 1 << one as u8 } else { 0 }
}
