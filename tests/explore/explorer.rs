//! Breadth first over all interleavings: every state once, so that the first trace to a failure is the shortest.

use std::collections::{BTreeMap, HashMap};

use blue_green::release::decide::Memory;
use blue_green::release::id::FlipId;
use blue_green::release::record::{Phase, Verdict};
use blue_green::release::view::says;
use blue_green::seen::side::Side;

use crate::invariants::{Invariant, LOOKS};
use crate::scenarios::{Scenario, Torn};
use crate::steps::{Step, show};
use crate::world::{Group, Half, Interned, Job, Looked, Process, State, job, shape};

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
    pub fn new(scenario: Scenario, beside: Beside) -> Self {
        Self {
            scenario,
            beside,
            jobs: scenario.jobs.chars().map(job).collect(),
            interned: Interned::default(),
            seen: Vec::new(),
            numbers: HashMap::new(),
            failures: BTreeMap::new(),
            looks: 0,
        }
    }

    pub fn run(mut self) -> Found {
        let empty = self.interned.number(Group::new());
        let first = State {
            rules: vec![shape(Side::First); self.scenario.pairs],
            marks: vec![[empty; 2]; self.scenario.pairs],
            fit: true,
            processes: Vec::new(),
            pending: self.scenario.deliver.to_vec(),
            zombie: None,
            budget: self.scenario.budget,
            answered: vec![None; self.jobs.len()],
            live_since: vec![None; self.jobs.len()],
            edited: None,
        };
        let mut todo = vec![(first.clone(), 0)];
        self.numbers.insert(first, 0);
        self.seen.push((0, String::new()));
        while !todo.is_empty() {
            let mut next = Vec::new();
            for (state, number) in todo {
                for (label, mut then) in self.out(&state, number) {
                    then.processes.sort_by_cached_key(|process| format!("{process:?}"));
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
        self.world_moves(state, &mut out);
        self.deliveries(state, number, &mut out);
        for index in 0..state.processes.len() {
            self.deaths(state, index, &mut out);
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
            let (rules, newest) = (state.rules[pair], self.interned.journal(state.marks[pair]).newest());
            let label = || format!("END: rules {rules:?}, newest record {newest:?}, answered {:?}", state.answered);
            if ![shape(Side::First), shape(Side::Second)].contains(&rules) {
                self.fail(Invariant::Whole, number, label());
                continue;
            }
            let untouched = state.budget.wipe == self.scenario.budget.wipe;
            if let (true, Some((on, flip))) = (untouched, &newest) {
                let of_flip = |job: &Job| FlipId::new(job.flip, &[]) == flip.id;
                let expected = if flip.phase == Phase::Done { Verdict::Succeeded } else { Verdict::Failed };
                let mut answers = self.jobs.iter().zip(&state.answered).filter(|(job, _)| of_flip(job));
                let told = answers.any(|(_, answer)| answer.is_none_or(|answer| answer == expected));
                let at_rest = matches!(flip.phase, Phase::Done | Phase::Undone);
                // With several pairs a job fails where one of them does.
                let several = self.scenario.pairs > 1;
                if !at_rest || rules != shape(says(*on, flip)) || (!told && !several) {
                    self.fail(Invariant::RecordTells, number, label());
                }
            }
        }
    }

    /// Late writes land, a person edits, tags vanish, the guard changes its mind.
    fn world_moves(&mut self, state: &State, out: &mut Out) {
        if let Some((step, job)) = &state.zombie {
            let mut then = state.clone();
            self.apply(&mut then, step);
            then.zombie = None;
            then.pending[*job] += 1;
            out.push((format!("the late write of the dead {} lands: {}", self.jobs[*job].name, show(step)), then));
        }
        if state.budget.edit > 0 {
            let rules = state.rules[0];
            let [one, other, test] = rules;
            for edited in [[one.other(), other.other(), test.other()], [one.other(), other, test]] {
                let mut then = state.clone();
                let newest = self.interned.journal(state.marks[0]).newest();
                let at_rest = newest.filter(|(on, flip)| flip.phase == Phase::Done && rules == shape(says(*on, flip)));
                then.edited = Some(at_rest.map_or_else(|| "-".to_owned(), |(_, flip)| flip.id.to_string()));
                then.rules[0] = edited;
                then.budget.edit -= 1;
                out.push((format!("a person sets the rules to {edited:?}"), then));
            }
        }
        if state.budget.wipe > 0 {
            let none = self.interned.number(Group::new());
            for wiped in [[true, true], [true, false], [false, true]] {
                let mut then = state.clone();
                for (mark, wipe) in then.marks[0].iter_mut().zip(wiped) {
                    *mark = if wipe { none } else { *mark };
                }
                then.budget.wipe -= 1;
                if then.marks != state.marks {
                    out.push((format!("tags are wiped: {wiped:?}"), then));
                }
            }
        }
        if state.budget.guard > 0 {
            let mut then = state.clone();
            then.fit = !state.fit;
            then.budget.guard -= 1;
            out.push((format!("group 1 becomes {}", if then.fit { "fit" } else { "unfit" }), then));
        }
    }

    fn deliveries(&mut self, state: &State, number: u32, out: &mut Out) {
        let most = if self.beside == Beside::Nobody { 1 } else { 2 };
        for index in 0..self.jobs.len() {
            let this = self.jobs[index];
            let same_flip = state.processes.iter().any(|process| self.jobs[process.job].flip == this.flip);
            let held = same_flip && (self.beside != Beside::Everybody || this.name == 'R');
            if state.pending[index] == 0 || state.processes.len() >= most || held {
                continue;
            }
            let mut then = state.clone();
            then.pending[index] -= 1;
            then.live_since[index].get_or_insert(0);
            let late = state.answered[index].is_some() || state.edited.as_deref() == Some(this.flip);
            let memory = vec![Memory::default(); self.scenario.pairs];
            let process = Process { job: index, plan: None, memory, looks: 0, late, half: None };
            self.looks_at(state, number, process, then, out);
        }
    }

    /// A process looks: at once, or at rules and tags apart.
    fn looks_at(&mut self, state: &State, number: u32, mut process: Process, mut then: State, out: &mut Out) {
        let name = self.jobs[process.job].name;
        if let (Some(torn), None) = (self.scenario.torn, &process.half) {
            process.half = Some(match torn {
                Torn::RulesFirst => Half::Rules(state.rules.clone()),
                Torn::TagsFirst => Half::Tags(state.marks.clone(), state.fit),
            });
            process.plan = None;
            then.processes.push(process);
            out.push((format!("{name} reads the first half"), then));
            return;
        }
        let (rules, marks, fit) = match process.half.take() {
            None => (state.rules.clone(), state.marks.clone(), state.fit),
            Some(Half::Rules(rules)) => (rules, state.marks.clone(), state.fit),
            Some(Half::Tags(marks, fit)) => (state.rules.clone(), marks, fit),
        };
        for (pair, memory) in process.memory.iter_mut().enumerate() {
            let newest = self.interned.journal(marks[pair]).newest();
            memory.wrote &= newest.is_none_or(|(on, flip)| rules[pair] != shape(says(on, &flip)));
        }
        let looked = Looked { rules, marks, fit, job: self.jobs[process.job], memory: process.memory.clone() };
        let plan = self.interned.plan(&looked);
        self.guard_holds(&looked, &plan, number);
        let shown: Vec<String> = plan.iter().map(show).collect();
        process.plan = Some((plan, 0));
        process.looks += 1;
        then.processes.push(process);
        out.push((format!("{name} looks, plans: {}", shown.join("; ")), then));
    }

    fn guard_holds(&mut self, looked: &Looked, plan: &[Step], number: u32) {
        for pair in 0..looked.rules.len() {
            let [one, other, _] = looked.rules[pair];
            let to_unfit =
                |step: &Step| matches!(step, Step::Rule { pair: of, rule: 0 | 1, serves: Side::Second } if *of == pair);
            let moves = !looked.fit && (one, other) != (Side::Second, Side::Second) && plan.iter().any(to_unfit);
            let newest = self.interned.journal(looked.marks[pair]).newest();
            if moves && newest.is_none_or(|(_, flip)| flip.phase == Phase::Moving) {
                self.fail(Invariant::GuardHolds, number, format!("{} plans to move to the unfit group", looked.job.name));
            }
        }
    }

    /// A process dies: between its calls, with half of a tag call done, or with a write on its way.
    fn deaths(&mut self, state: &State, index: usize, out: &mut Out) {
        if state.budget.crash == 0 {
            return;
        }
        let process = &state.processes[index];
        let (job, name) = (process.job, self.jobs[process.job].name);
        let mut dead = state.clone();
        dead.processes.remove(index);
        dead.budget.crash -= 1;
        let next = process.left().first();
        if let (Some(step), true, None) =
            (next.filter(|step| matches!(step, Step::Tag { .. } | Step::Rule { .. })), state.budget.zombie > 0, &state.zombie)
        {
            let mut then = dead.clone();
            then.zombie = Some((step.clone(), job));
            then.budget.zombie -= 1;
            out.push((format!("{name} dies, its write is on the way"), then));
        }
        dead.pending[job] += 1;
        if let Some(Step::Tag { pair, on, tags }) = next.filter(|step| matches!(step, Step::Tag { tags, .. } if tags.len() > 1)) {
            let half = Step::Tag { pair: *pair, on: *on, tags: tags[..1].to_vec() };
            let mut then = dead.clone();
            self.apply(&mut then, &half);
            out.push((format!("{name} dies, of its call only {} landed", show(&half)), then));
        }
        out.push((format!("{name} dies"), dead));
    }

    /// A process takes its next step.
    fn works(&mut self, state: &State, index: usize, number: u32, out: &mut Out) {
        let mut process = state.processes[index].clone();
        let this = self.jobs[process.job];
        let mut then = state.clone();
        then.processes.remove(index);
        let Some(step) = process.left().first().cloned() else {
            return self.looks_at(state, number, process, then, out);
        };
        match step {
            Step::Wait => {
                let resting = |other: &Process| matches!(other.left().first(), None | Some(Step::Wait | Step::Answer(_)));
                let planned = |other: &Process| other.plan.is_some();
                if then.processes.iter().all(|other| planned(other) && resting(other)) {
                    process.memory.iter_mut().for_each(|memory| memory.waited = true);
                    process.plan = None;
                    then.processes.push(process);
                    out.push((format!("{} has waited", this.name), then));
                }
            }
            Step::Answer(verdict) => {
                let target = this.target.map(|side| 1_u8 << side as u8);
                let was_live = target.is_none_or(|bit| state.live_since[process.job].is_none_or(|seen| seen & bit != 0));
                if state.answered[process.job].is_none() && verdict == Verdict::Succeeded && !was_live {
                    self.fail(Invariant::SucceededWasLive, number, format!("{} answers Succeeded", this.name));
                }
                then.answered[process.job].get_or_insert(verdict);
                out.push((format!("{}: answer {verdict}", this.name), then));
            }
            Step::Tag { .. } | Step::Rule { .. } => {
                self.apply(&mut then, &step);
                if process.late && then.rules != state.rules {
                    let edited = state.edited.as_deref() == Some(this.flip);
                    let invariant = if edited { Invariant::EditStays } else { Invariant::LateCopyWritesNothing };
                    self.fail(invariant, number, format!("{}, a late copy, writes {}", this.name, show(&step)));
                }
                if let Step::Rule { pair, .. } = step {
                    process.memory[pair].wrote = true;
                }
                if let Some((_, at)) = &mut process.plan {
                    *at += 1;
                }
                then.processes.push(process);
                out.push((format!("{} writes {}", this.name, show(&step)), then));
            }
        }
    }

    fn apply(&mut self, state: &mut State, step: &Step) {
        match step {
            Step::Tag { pair, on, tags } => {
                let mark = &mut state.marks[*pair][*on as usize];
                let mut group = self.interned.group(*mark).clone();
                group.extend(tags.iter().cloned());
                *mark = self.interned.number(group);
            }
            Step::Rule { pair, rule, serves } => state.rules[*pair][*rule] = *serves,
            Step::Wait | Step::Answer(_) => {}
        }
    }
}

/// Remembers, for every job that has looked, which group of the first pair is on all live rules now.
fn note_live(state: &mut State) {
    let [one, other, _] = state.rules[0];
    if one == other {
        for seen in state.live_since.iter_mut().flatten() {
            *seen |= 1 << one as u8;
        }
    }
}
