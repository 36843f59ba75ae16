//! How often task definitions may be registered: a bucket of 20, refilled at one a second, for an account and Region
//! (Amazon ECS API reference, "Throttling").

use std::sync::Mutex;
use std::time::Instant;

use crate::gateway::lock;

const SIZE: f64 = 20.0;
const REFILL: f64 = 1.0;

/// The bucket of one account.
#[derive(Debug)]
pub(crate) struct Registrations(Mutex<(f64, Option<Instant>)>);

impl Default for Registrations {
    fn default() -> Self {
        Self(Mutex::new((SIZE, None)))
    }
}

impl Registrations {
    /// Takes a token at a call of this action, or says that there is none.
    pub fn admits(&self, action: &str, now: Instant) -> bool {
        if action != "RegisterTaskDefinition" {
            return true;
        }
        let mut bucket = lock(&self.0);
        let since = bucket.1.replace(now).unwrap_or(now);
        bucket.0 = (bucket.0 + now.duration_since(since).as_secs_f64() * REFILL).min(SIZE);
        let holds = bucket.0 >= 1.0;
        bucket.0 -= if holds { 1.0 } else { 0.0 };
        holds
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Registrations;

    #[test]
    fn twenty_registrations_at_once_then_one_a_second() {
        let (start, bucket) = (Instant::now(), Registrations::default());
        let taken = |seconds| {
            let now = start + Duration::from_secs(seconds);
            (0..50).filter(|_| bucket.admits("RegisterTaskDefinition", now)).count()
        };
        assert_eq!([0, 0, 1, 4].map(taken), [20, 0, 1, 3]);
        assert!(bucket.admits("UpdateService", start), "the others have buckets of their own");
    }
}
