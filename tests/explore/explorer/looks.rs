//! Deliveries and their looks: what a process sees, and what it plans from that.

use blue_green::release::decide::Memory;
use blue_green::release::id::{Digest, FlipId};
use blue_green::release::record::{Flip, Phase};
use blue_green::release::view::says;
use blue_green::seen::side::Side;

use super::{Beside, Explorer, Out, live_everywhere};
use crate::invariants::Invariant;
use crate::own::Own;
use crate::scenarios::Torn;
use crate::steps::{Step, begins, show, undoes};
use crate::world::{Half, Looked, Marks, Plan, Process, Rules, State, shape};

impl Explorer {
    /// Every event that may be delivered next.
    pub(super) fn deliveries(&mut self, state: &State, number: u32, out: &mut Out) {
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
    pub(super) fn looks_at(&mut self, state: &State, number: u32, mut process: Process, mut then: State, out: &mut Out) {
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
        let mut plan = self.plan(&looked);
        if self.scenario.budget.stale > 0 && plan.1.contains(&Step::Wait) && self.need_not_wait(&looked) {
            process.memory.iter_mut().for_each(|memory| memory.waited = true);
            looked.memory.clone_from(&process.memory);
            plan = self.plan(&looked);
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

    /// What is planned from a look; a mutant sees or does something else.
    fn plan(&mut self, looked: &Looked) -> Plan {
        let Some(mutant) = self.mutant else { return self.interned.plan(looked) };
        let mut seen = looked.clone();
        mutant.sees(&mut seen, &mut self.interned);
        let steps = self.interned.plan(&seen).1.to_vec();
        self.interned.planned(mutant.does(steps))
    }

    /// Whether no record of another job is there to wait for.
    fn need_not_wait(&self, looked: &Looked) -> bool {
        let job = Digest::of(&looked.job.name.to_string());
        looked.marks.iter().all(|marks| self.interned.journal(*marks).latest_of_other_jobs(&job).is_none())
    }

    fn guard_holds(&mut self, looked: &Looked, plan: &[Step], number: u32) {
        let begun = plan.iter().any(begins);
        for pair in 0..looked.rules.len() {
            let [one, other, _] = looked.rules[pair];
            let to_unfit =
                |step: &Step| matches!(step, Step::Rule { pair: of, rule: 0 | 1, serves: Side::Second } if *of == pair);
            let moves = (one, other) != (Side::Second, Side::Second) && plan.iter().any(to_unfit);
            let newest = self.interned.newest(looked.marks[pair]);
            let moving = |flip: &Flip| flip.phase == Phase::Moving;
            // An undo is not guarded.
            if !moves || plan.iter().any(undoes) || !(begun || newest.as_ref().as_ref().is_none_or(|(_, flip)| moving(flip))) {
                continue;
            }
            if !looked.fit {
                self.fail(Invariant::GuardHolds, number, format!("{} plans to move to the unfit group", looked.job.name));
            }
            // For which flip: the one that begins, or else the pair's.
            let flip = newest.as_ref().as_ref().filter(|_| !begun).map(|(_, flip)| flip.id.as_str());
            let flip = flip.unwrap_or(looked.job.flip);
            let made = |by: &str| self.interned.journal(looked.marks[pair]).made_by(by, Side::Second);
            if looked.odd.fenced.is_some_and(|by| by != flip && !made(by)) {
                self.fail(Invariant::FenceHolds, number, format!("{} plans to move to the fenced group", looked.job.name));
            }
        }
    }
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
