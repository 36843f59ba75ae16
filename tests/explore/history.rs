//! What is there before the first delivery, where old records are removed.

use blue_green::release::id::{Digest, FlipId};
use blue_green::release::record::{Closing, Flip, Phase, Reason, Record, Verdict};
use jiff::Timestamp;

use crate::world::{Group, Job, TAILS};

/// The oldest flip of a history, by A's job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Oldest {
    /// It was made, and A was answered.
    Made,
    /// It is in progress still, and was overtaken.
    Moving,
    /// It is some other job's.
    Foreign,
}

/// Eight flips of each group, there and back in turn, and sixteen closed jobs: as many as a group keeps. Group 0 is live.
pub fn history(oldest: Oldest, first: Job) -> [Group; 2] {
    let mut groups = [Group::new(), Group::new()];
    let foreign = |number: u64| (format!("h{number}"), format!("H{number}"));
    for generation in 1..=16 {
        let on = usize::from(generation % 2 == 1);
        let own = generation == 1 && oldest != Oldest::Foreign;
        let (id, job) = if own { (first.flip.to_owned(), first.name.to_string()) } else { foreign(generation) };
        let moving = own && oldest == Oldest::Moving;
        let flip = Flip {
            id: FlipId::new(&id, &[]),
            generation,
            job: Digest::of(&job),
            phase: if moving { Phase::Moving } else { Phase::Done },
            partner: TAILS[1 - on].to_owned(),
            time: Timestamp::UNIX_EPOCH,
        };
        let other = (format!("n{generation}"), format!("N{generation}"));
        let closings = [(&id, &job, Reason::Made, generation), (&other.0, &other.1, Reason::NoOp, generation + 1)];
        let closings = closings.into_iter().skip(usize::from(moving)).map(|(id, job, reason, generation)| {
            let (flip, job, called, time) = (FlipId::new(id, &[]), Digest::of(job), job.clone(), Timestamp::UNIX_EPOCH);
            Record::Closing(Closing { flip, job, called, verdict: Verdict::Succeeded, generation, reason, time })
        });
        groups[on].extend(closings.chain([Record::Flip(flip)]).map(|record| (record.key(), record.value())));
    }
    groups
}
