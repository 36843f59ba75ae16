//! Which delivery of an event this is, as far as one process can know.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lambda_runtime::Context;

/// How often Lambda delivers an asynchronous event at most (Lambda developer guide, error handling).
pub const DELIVERIES: usize = 3;
/// How old an event is at its last delivery: Lambda waits one minute, then two (the same page). From half a minute less.
const LAST_FROM: Duration = Duration::from_secs(150);
/// Until when an event's age is believed: CodePipeline fails an action that was not answered in 20 minutes.
const LAST_UNTIL: Duration = Duration::from_secs(20 * 60);
/// How many jobs are remembered.
const REMEMBERED: usize = 32;

/// The jobs that this process has seen. It decides only whether a failure that may pass is told already or left to the
/// next delivery, and keeps a copy from flipping after a failure that could not be noted on the groups. A process that
/// has forgotten leaves a job open a little longer.
#[derive(Default)]
pub struct Deliveries(Mutex<VecDeque<Seen>>);

struct Seen {
    job: String,
    times: usize,
    over: bool,
}

impl Deliveries {
    /// Counts one more delivery of a job's event, and says how many there were with it.
    pub fn count(&self, job: &str) -> usize {
        let mut seen = self.seen();
        let known = seen.iter().position(|known| known.job == job).and_then(|place| seen.remove(place));
        let mut known = known.unwrap_or_else(|| Seen { job: job.to_owned(), times: 0, over: false });
        known.times += 1;
        let times = known.times;
        seen.push_back(known);
        if seen.len() > REMEMBERED {
            seen.pop_front();
        }
        times
    }

    /// Remembers that a job failed.
    pub fn end(&self, job: &str) {
        self.seen().iter_mut().filter(|known| known.job == job).for_each(|known| known.over = true);
    }

    /// Whether a job is known to have failed.
    pub fn is_over(&self, job: &str) -> bool {
        self.seen().iter().any(|known| known.job == job && known.over)
    }

    fn seen(&self) -> MutexGuard<'_, VecDeque<Seen>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether this is an event's last delivery by its age, which a process that has not seen the earlier ones can tell too.
///
/// The trace id that comes with an invocation begins with the second in which its trace began (X-Ray developer guide,
/// "Tracing header"). That Lambda keeps it from one delivery to the next is not documented: where it does not, the age
/// is nothing and the count alone decides; where a trace is older than any open job, it says nothing about the event.
pub fn is_last(context: &Context, now: SystemTime) -> bool {
    let began = context.xray_trace_id.as_deref().and_then(trace_began);
    let age = began.and_then(|began| now.duration_since(began).ok());
    age.is_some_and(|age| (LAST_FROM..LAST_UNTIL).contains(&age))
}

/// When a trace began: `Root=1-SECONDS-…`, the seconds in hexadecimal digits.
fn trace_began(header: &str) -> Option<SystemTime> {
    let root = header.split(';').find_map(|part| part.trim().strip_prefix("Root=1-"))?;
    let seconds = u64::from_str_radix(root.split('-').next()?, 16).ok()?;
    Some(UNIX_EPOCH + Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last(header: Option<&str>, now: u64) -> bool {
        let mut context = Context::default();
        context.xray_trace_id = header.map(str::to_owned);
        is_last(&context, UNIX_EPOCH + Duration::from_secs(now))
    }

    #[test]
    fn an_event_of_three_minutes_is_delivered_for_the_last_time() {
        let header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0";
        let began = 0x5759_e988;
        for (age, is) in
            [(0, false), (62, false), (149, false), (150, true), (183, true), (1199, true), (1200, false), (90_000, false)]
        {
            assert_eq!(last(Some(header), began + age), is, "{age} s");
        }
        assert!(!last(Some(header), began - 5), "a clock that is behind");
    }

    #[test]
    fn without_a_readable_trace_the_age_is_not_known() {
        for header in [None, Some(""), Some("Root=1-zz"), Some("Parent=1;Sampled=0"), Some("Root=2-5759e988-1")] {
            assert!(!last(header, 0x5759_e988 + 180), "{header:?}");
        }
    }

    #[test]
    fn deliveries_are_counted_by_job_and_a_job_that_is_over_stays_so() {
        let seen = Deliveries::default();
        assert_eq!([seen.count("a"), seen.count("b"), seen.count("a")], [1, 1, 2]);
        seen.end("a");
        assert!(seen.is_over("a") && !seen.is_over("b"));
        assert_eq!(seen.count("a"), 3);
        assert!(seen.is_over("a"));
    }

    #[test]
    fn the_oldest_job_is_forgotten() {
        let seen = Deliveries::default();
        let counted: Vec<usize> = (0..=REMEMBERED).map(|number| seen.count(&number.to_string())).collect();
        assert_eq!(counted, [1; REMEMBERED + 1]);
        assert_eq!(seen.count("0"), 1);
    }
}
