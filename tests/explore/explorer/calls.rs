//! What a process does: its next call, its answer, and what becomes of them.

use blue_green::release::id::FlipId;
use blue_green::release::record::Verdict;
use blue_green::seen::side::Side;

use super::{Explorer, Out};
use crate::invariants::Invariant;
use crate::scenarios::Lag;
use crate::steps::{Step, begins, show, undoes};
use crate::world::{Before, Job, Plan, Process, State};

impl Explorer {
    /// A process takes its next step.
    pub(super) fn works(&mut self, state: &State, index: usize, number: u32, out: &mut Out) {
        let mut process = state.processes[index].clone();
        let name = self.jobs[process.job].name;
        let mut then = state.clone();
        then.processes.remove(index);
        let Some(step) = process.left().first().cloned() else {
            return self.looks_at(state, number, process, then, out);
        };
        match step {
            Step::Wait => waits(name, process, then, out),
            Step::Unfinished => {
                self.unfinished(&mut then, process.job);
                out.push((format!("{name}: {}", show(&step)), then));
            }
            Step::Answer(verdict) => {
                self.answers(verdict, state, process, &mut then, number);
                out.push((format!("{name}: answer {verdict}"), then));
            }
            Step::Untag { .. } => {
                self.apply(&mut then, &step);
                let more = process.left().len() > 1;
                if let Some((_, at)) = process.plan.as_mut().filter(|_| more) {
                    *at += 1;
                    then.processes.push(process);
                }
                out.push((format!("{name} removes {}", show(&step)), then));
            }
            Step::Tag { .. } | Step::Rule { .. } => {
                self.denied(&then, &process, &step, out);
                self.writes(&step, state, process, &mut then, number);
                out.push((format!("{name} writes {}", show(&step)), then));
            }
        }
    }

    /// A job is answered; where old records are removed, that comes next.
    fn answers(&mut self, verdict: Verdict, state: &State, mut process: Process, then: &mut State, number: u32) {
        let this = self.jobs[process.job];
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
    }

    /// A write takes effect and is acknowledged.
    fn writes(&mut self, step: &Step, state: &State, mut process: Process, then: &mut State, number: u32) {
        let this = self.jobs[process.job];
        self.apply(then, step);
        match step {
            Step::Rule { pair, .. } => process.memory[*pair].wrote = true,
            // A new phase, in which writes are tried anew.
            Step::Tag { pair, .. } if begins(step) || undoes(step) => process.memory[*pair].cannot_write = false,
            _ => {}
        }
        if then.rules != state.rules && process.late {
            let edited = state.edited.as_deref() == Some(this.flip);
            let invariant = if edited { Invariant::EditStays } else { Invariant::LateCopyWritesNothing };
            self.fail(invariant, number, format!("{}, a late copy, writes {}", this.name, show(step)));
        }
        if then.rules != state.rules && state.answered[process.job] == Some(Verdict::Failed) && self.makes(step, state, this) {
            self.fail(Invariant::FailedStays, number, format!("{}, answered as failed, writes {}", this.name, show(step)));
        }
        if then.rules != state.rules && process.overtaken {
            self.fail(Invariant::EditAfterNewerStays, number, format!("{}, overtaken, writes {}", this.name, show(step)));
        }
        if self.scenario.budget.stale > 0 {
            process.own.wrote(step, &self.interned);
        }
        if let Some((_, at)) = &mut process.plan {
            *at += 1;
        }
        then.processes.push(process);
    }

    /// Whether a write moves a live rule to a job's group, and not since another flip's record says so.
    fn makes(&mut self, step: &Step, state: &State, job: Job) -> bool {
        let Step::Rule { pair, rule: 0 | 1, serves } = step else { return false };
        let newest = self.interned.newest(state.marks[*pair]);
        let is_own = newest.as_ref().as_ref().is_none_or(|(_, flip)| flip.id == FlipId::new(job.flip, &[]));
        Some(*serves) == job.target && is_own
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

    pub(super) fn apply(&mut self, state: &mut State, step: &Step) {
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

/// A process waits until nobody else is in the middle of a plan: longer than any read is stale.
fn waits(name: char, mut process: Process, mut then: State, out: &mut Out) {
    let resting = |other: &Process| {
        let next = other.left().first();
        matches!(next, None | Some(Step::Untag { .. } | Step::Wait | Step::Answer(_) | Step::Unfinished))
    };
    if !then.processes.iter().all(|other| other.plan.is_some() && resting(other)) {
        return;
    }
    then.before = None;
    then.processes.iter_mut().for_each(|other| other.own.grow_old());
    process.own.grow_old();
    process.memory.iter_mut().for_each(|memory| memory.waited = true);
    process.plan = None;
    then.processes.push(process);
    out.push((format!("{name} has waited"), then));
}
