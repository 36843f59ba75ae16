//! How a process ends before its time.

use super::{Explorer, Out};
use crate::steps::{Step, show};
use crate::world::State;

impl Explorer {
    /// A process dies: between its calls, with half of a tag call done, or with a write on its way.
    pub(super) fn deaths(&mut self, state: &State, index: usize, out: &mut Out) {
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
    pub(super) fn deadlines(&self, state: &State, index: usize, out: &mut Out) {
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
    pub(super) fn unfinished(&self, then: &mut State, job: usize) {
        if let Some(retry) = self.retry_of(job) {
            then.pending[retry] += 1;
        }
    }

    /// The Retry of a job.
    fn retry_of(&self, job: usize) -> Option<usize> {
        self.jobs.iter().position(|other| other.name == 'R' && other.flip == self.jobs[job].flip)
    }
}
