//! Breadth first over all interleavings: every state once, so that the first trace to a failure is the shortest.

use std::collections::{BTreeMap, HashMap};

use blue_green::release::decide::Memory;
use blue_green::release::id::{Digest, FlipId};
use blue_green::release::record::{Flip, Phase, Verdict};
use blue_green::release::view::says;
use blue_green::seen::side::Side;

use crate::history::{Oldest, history};
use crate::invariants::{Invariant, LOOKS};
use crate::own::Own;
use crate::scenarios::{Lag, Scenario, Torn};
use crate::steps::{Step, show};
use crate::world::{Before, Digests, Group, Half, Interned, Job, Looked, Marks, Odd, Plan, Process, Rules, State, job, shape};

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
    pub fn new(scenario: Scenario, beside: Beside, digests: Digests) -> Self {
        Self {
            scenario,
            beside,
            jobs: scenario.jobs.chars().map(|name| digests.of(job(name))).collect(),
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
        let first = self.with_history(first);
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
        self.world_moves(state, &mut out);
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
                let newest = self.interned.newest(state.marks[0]);
                let is_rest = |(on, flip): &&(Side, Flip)| flip.phase == Phase::Done && rules == shape(says(*on, flip));
                let at_rest = newest.as_ref().as_ref().filter(is_rest);
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
            out.push((format!("group 1 becomes {}", if then.fit { "fit" } else { "setup_error" }), then));
        }
        if state.budget.fence > 0 {
            let own = Some(self.jobs[0].flip);
            for fenced in [None, own, Some("other")].into_iter().filter(|fenced| *fenced != state.odd.fenced) {
                let mut then = state.clone();
                then.odd.fenced = fenced;
                then.budget.fence -= 1;
                out.push((format!("group 1 is rebuilt by {}", fenced.unwrap_or("nobody")), then));
            }
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
            // What a stale look shows was so a moment ago.
            let ago = state.before.as_ref().filter(|_| state.budget.stale > 0).map_or(0, |before| live_everywhere(&before.rules));
            then.live_since[index].get_or_insert(ago);
            // A flip is delivered again only after longer than any read is stale.
            if state.live_since.iter().zip(&self.jobs).any(|(seen, job)| seen.is_some() && job.flip == this.flip) {
                then.before = None;
            }
            let late = state.answered[index].is_some() || state.edited.as_deref() == Some(this.flip);
            let newer = state.edited.as_deref().is_some_and(|edited| edited != "-" && edited != this.flip);
            let known = || self.interned.journal(state.marks[0]).of(&FlipId::new(this.flip, &[])).is_some();
            let overtaken = self.scenario.edit_after_newer && newer && known();
            let memory = vec![Memory::default(); self.scenario.pairs];
            let process = Process { job: index, plan: None, memory, looks: 0, late, half: None, overtaken, own: Own::default() };
            self.looks_at(&then.clone(), number, process, then, out);
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
        if self.scenario.budget.stale == 0 {
            let how = Look { rules, marks, fit, stale: "", doubts: false };
            return self.looks(state, number, process, then, how, out);
        }
        for (stale, rules, marks) in shown(state, rules, marks) {
            for doubts in [false, true] {
                // Reads lag by less than a rule write is doubted.
                if !doubts && stale.contains("rules") {
                    continue;
                }
                let mut then = then.clone();
                then.budget.stale -= u8::from(!stale.is_empty());
                let how = Look { rules: rules.clone(), marks: marks.clone(), fit, stale, doubts };
                self.looks(state, number, process.clone(), then, how, out);
            }
        }
    }

    /// A look, and what is planned from it.
    fn looks(&mut self, state: &State, number: u32, mut process: Process, mut then: State, how: Look, out: &mut Out) {
        let name = self.jobs[process.job].name;
        let Look { rules, mut marks, fit, stale, doubts } = how;
        if self.scenario.budget.stale > 0 {
            marks = process.own.complete(marks, &mut self.interned);
        }
        if self.scenario.history.is_some() {
            process.own.shown.clone_from(&marks);
        }
        for (pair, memory) in process.memory.iter_mut().enumerate() {
            let newest = self.interned.newest(marks[pair]);
            memory.wrote &= newest.as_ref().as_ref().is_none_or(|(on, flip)| rules[pair] != shape(says(*on, flip)));
        }
        let job = self.jobs[process.job];
        let mut looked = Looked { rules, marks, fit, odd: state.odd, job, memory: process.memory.clone() };
        let mut plan = self.interned.plan(&looked);
        if self.scenario.budget.stale > 0 && plan.1.contains(&Step::Wait) && self.need_not_wait(&looked) {
            process.memory.iter_mut().for_each(|memory| memory.waited = true);
            looked.memory.clone_from(&process.memory);
            plan = self.interned.plan(&looked);
        }
        self.guard_holds(&looked, &plan.1, number);
        if doubts {
            let (doubted, believed): (Vec<Step>, Vec<Step>) = plan.1.iter().cloned().partition(|step| process.own.doubts(step));
            // Nothing is left out, or everything: the same as a look at another moment.
            if !stale.contains("rules") && (doubted.is_empty() || believed.is_empty()) {
                return;
            }
            plan = self.interned.planned(believed);
        } else {
            process.own.grow_old();
        }
        let shown: Vec<String> = plan.1.iter().map(show).collect();
        process.plan = Some((plan, 0));
        process.looks += 1;
        then.processes.push(process);
        out.push((format!("{name} looks{stale}, plans: {}", shown.join("; ")), then));
    }

    /// Whether no record of another job is there to wait for.
    fn need_not_wait(&self, looked: &Looked) -> bool {
        let job = Digest::of(&looked.job.name.to_string());
        looked.marks.iter().all(|marks| self.interned.journal(*marks).last_of_others(&job).is_none())
    }

    fn guard_holds(&mut self, looked: &Looked, plan: &[Step], number: u32) {
        for pair in 0..looked.rules.len() {
            let [one, other, _] = looked.rules[pair];
            let to_unfit =
                |step: &Step| matches!(step, Step::Rule { pair: of, rule: 0 | 1, serves: Side::Second } if *of == pair);
            let moves = (one, other) != (Side::Second, Side::Second) && plan.iter().any(to_unfit);
            let newest = self.interned.newest(looked.marks[pair]);
            let (begins, moving) = (plan.iter().any(begins), |flip: &Flip| flip.phase == Phase::Moving);
            // An undo is not guarded.
            if !moves || plan.iter().any(undoes) || !(begins || newest.as_ref().as_ref().is_none_or(|(_, flip)| moving(flip))) {
                continue;
            }
            if !looked.fit {
                self.fail(Invariant::GuardHolds, number, format!("{} plans to move to the setup_error group", looked.job.name));
            }
            // For which flip: the one that begins, or else the pair's.
            let flip = newest.as_ref().as_ref().filter(|_| !begins).map(|(_, flip)| flip.id.as_str());
            let flip = flip.unwrap_or(looked.job.flip);
            let made = |by: &str| self.interned.journal(looked.marks[pair]).made_by(by, Side::Second);
            if looked.odd.fenced.is_some_and(|by| by != flip && !made(by)) {
                self.fail(Invariant::FenceHolds, number, format!("{} plans to move to the fenced group", looked.job.name));
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

    /// A process is out of time: it answers, and closes nothing. Only where a Retry can come.
    fn deadlines(&self, state: &State, index: usize, out: &mut Out) {
        if state.budget.deadline == 0 || self.retry_of(state.processes[index].job).is_none() {
            return;
        }
        let mut then = state.clone();
        let process = then.processes.remove(index);
        then.budget.deadline -= 1;
        self.unfinished(&mut then, process.job);
        out.push((format!("{} is out of time: {}", self.jobs[process.job].name, show(&Step::Unfinished)), then));
    }

    /// A job was answered as unfinished: a person clicks Retry.
    fn unfinished(&self, then: &mut State, job: usize) {
        if let Some(retry) = self.retry_of(job) {
            then.pending[retry] += 1;
        }
    }

    /// The Retry of a job.
    fn retry_of(&self, job: usize) -> Option<usize> {
        self.jobs.iter().position(|other| other.name == 'R' && other.flip == self.jobs[job].flip)
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
                let resting = |other: &Process| {
                    matches!(
                        other.left().first(),
                        None | Some(Step::Untag { .. } | Step::Wait | Step::Answer(_) | Step::Unfinished)
                    )
                };
                let planned = |other: &Process| other.plan.is_some();
                if then.processes.iter().all(|other| planned(other) && resting(other)) {
                    // Longer than any read is stale.
                    then.before = None;
                    then.processes.iter_mut().for_each(|other| other.own.grow_old());
                    process.own.grow_old();
                    process.memory.iter_mut().for_each(|memory| memory.waited = true);
                    process.plan = None;
                    then.processes.push(process);
                    out.push((format!("{} has waited", this.name), then));
                }
            }
            Step::Unfinished => {
                self.unfinished(&mut then, process.job);
                out.push((format!("{}: {}", this.name, show(&step)), then));
            }
            Step::Answer(verdict) => {
                let target = this.target.map(|side| 1_u8 << side as u8);
                let was_live = target.is_none_or(|bit| state.live_since[process.job].is_none_or(|seen| seen & bit != 0));
                if state.answered[process.job].is_none() && verdict == Verdict::Succeeded && !was_live {
                    self.fail(Invariant::SucceededWasLive, number, format!("{} answers Succeeded", this.name));
                }
                then.answered[process.job].get_or_insert(verdict);
                if let Some(old) = self.old(&process) {
                    process.plan = Some((old, 0));
                    then.processes.push(process);
                }
                out.push((format!("{}: answer {verdict}", this.name), then));
            }
            Step::Untag { .. } => {
                self.apply(&mut then, &step);
                let more = process.left().len() > 1;
                if let Some((_, at)) = process.plan.as_mut().filter(|_| more) {
                    *at += 1;
                    then.processes.push(process);
                }
                out.push((format!("{} removes {}", this.name, show(&step)), then));
            }
            Step::Tag { .. } | Step::Rule { .. } => {
                self.denied(&then, &process, &step, out);
                self.apply(&mut then, &step);
                // A new phase, in which writes are tried anew.
                if let Step::Tag { pair, tags, .. } = &step
                    && !tags.iter().any(|(key, _)| key.starts_with("bluegreen:job.") && key.ends_with(".S"))
                {
                    process.memory[*pair].cannot_write = false;
                }
                if process.late && then.rules != state.rules {
                    let edited = state.edited.as_deref() == Some(this.flip);
                    let invariant = if edited { Invariant::EditStays } else { Invariant::LateCopyWritesNothing };
                    self.fail(invariant, number, format!("{}, a late copy, writes {}", this.name, show(&step)));
                }
                if process.overtaken && then.rules != state.rules {
                    let label = format!("{}, overtaken, writes {}", this.name, show(&step));
                    self.fail(Invariant::EditAfterNewerStays, number, label);
                }
                if let Step::Rule { pair, .. } = step {
                    process.memory[pair].wrote = true;
                }
                if self.scenario.budget.stale > 0 {
                    process.own.wrote(&step, &self.interned);
                }
                if let Some((_, at)) = &mut process.plan {
                    *at += 1;
                }
                then.processes.push(process);
                out.push((format!("{} writes {}", this.name, show(&step)), then));
            }
        }
    }

    /// A rule write is refused for good: of the plan only the rest of its phase is written.
    fn denied(&mut self, state: &State, process: &Process, step: &Step, out: &mut Out) {
        let Step::Rule { pair, rule, .. } = step else { return };
        if state.budget.deny == 0 {
            return;
        }
        let (mut then, mut process) = (state.clone(), process.clone());
        let of_phase = |other: &&Step| matches!(other, Step::Rule { rule: other, .. } if (*other < 2) == (*rule < 2));
        let rest: Vec<Step> = process.left()[1..].iter().filter(of_phase).cloned().collect();
        let memory = &mut process.memory[*pair];
        (memory.wrote, memory.cannot_write) = (true, true);
        process.plan = Some((self.interned.planned(rest), 0));
        then.budget.deny -= 1;
        let label = format!("{} is refused {}", self.jobs[process.job].name, show(step));
        then.processes.push(process);
        out.push((label, then));
    }

    fn apply(&mut self, state: &mut State, step: &Step) {
        if state.budget.stale > 0 {
            let before = state.before.take().filter(|_| self.scenario.lag == Lag::LastOfEach);
            let mut before = before.unwrap_or_else(|| Before { rules: state.rules.clone(), marks: state.marks.clone() });
            match step {
                Step::Tag { .. } => before.marks.clone_from(&state.marks),
                Step::Rule { .. } => before.rules.clone_from(&state.rules),
                Step::Untag { .. } | Step::Wait | Step::Answer(_) | Step::Unfinished => {}
            }
            state.before = Some(before);
        }
        match step {
            Step::Tag { pair, on, tags } => {
                let mark = &mut state.marks[*pair][*on as usize];
                let mut group = self.interned.group(*mark).clone();
                group.extend(tags.iter().cloned());
                *mark = self.interned.number(group);
            }
            Step::Rule { pair, rule, serves } => state.rules[*pair][*rule] = *serves,
            Step::Untag { pair, on, keys } => {
                let mark = &mut state.marks[*pair][*on as usize];
                let mut group = self.interned.group(*mark).clone();
                group.retain(|key, _| !keys.contains(key));
                *mark = self.interned.number(group);
            }
            Step::Wait | Step::Answer(_) | Step::Unfinished => {}
        }
    }

    /// The old records that a process removes when it has answered: what its last look showed as old.
    fn old(&mut self, process: &Process) -> Option<Plan> {
        self.scenario.history?;
        let journal = self.interned.journal(process.own.shown[0]);
        journal.of(&FlipId::new(self.jobs[process.job].flip, &[]))?;
        let old = journal.old();
        let untag = |on: Side| Step::Untag { pair: 0, on, keys: old[on].clone() };
        let steps: Vec<Step> = Side::BOTH.into_iter().filter(|on| !old[*on].is_empty()).map(untag).collect();
        (!steps.is_empty()).then(|| self.interned.planned(steps))
    }
}

/// Whether a step records that a flip begins.
fn begins(step: &Step) -> bool {
    matches!(step, Step::Tag { tags, .. } if tags.iter().any(|(_, value)| value.contains(" moving ")))
}

/// Whether a step records that a flip is taken back.
fn undoes(step: &Step) -> bool {
    matches!(step, Step::Tag { tags, .. } if tags.iter().any(|(_, value)| value.contains(" undoing ")))
}

/// What one look shows.
struct Look {
    rules: Vec<Rules>,
    marks: Marks,
    fit: bool,
    /// What of it is stale, for a trace.
    stale: &'static str,
    /// Whether the process wrote its rules a moment ago, so that it does not believe a difference to them.
    doubts: bool,
}

/// What a look may show: everything as it is, or something as it was before the last write.
fn shown(state: &State, rules: Vec<Rules>, marks: Marks) -> Vec<(&'static str, Vec<Rules>, Marks)> {
    let mut shown = vec![("", rules.clone(), marks.clone())];
    if let Some(before) = state.before.as_ref().filter(|_| state.budget.stale > 0) {
        let (old_rules, old_marks) = (before.rules != rules, before.marks != marks);
        if old_rules {
            shown.push((" (stale rules)", before.rules.clone(), marks));
        }
        if old_marks {
            shown.push((" (stale tags)", rules, before.marks.clone()));
        }
        if old_rules && old_marks {
            shown.push((" (stale rules and tags)", before.rules.clone(), before.marks.clone()));
        }
    }
    shown
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
