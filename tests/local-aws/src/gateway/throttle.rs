//! ELB's request buckets: 40 calls, refilled at 10 a second, for the Describe calls of an account and Region.
//! Source: Elastic Load Balancing, "Request throttling for the API". The size of the bucket for writes is not published:
//! it is taken to be the same.

use std::sync::Mutex;
use std::time::Instant;

use super::log::lock;
use super::request::Request;

const SIZE: f64 = 40.0;
const REFILL: f64 = 10.0;

/// Two buckets.
#[derive(Debug)]
pub(super) struct Throttle {
    reads: Mutex<Bucket>,
    writes: Mutex<Bucket>,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    /// When it was last filled up; nothing before its first call.
    filled: Option<Instant>,
}

impl Throttle {
    /// Buckets that are full at first.
    pub(super) fn full() -> Self {
        Self::holding(SIZE)
    }

    /// Buckets that are empty at the first call of each.
    pub(super) fn emptied() -> Self {
        Self::holding(0.0)
    }

    fn holding(tokens: f64) -> Self {
        let bucket = || Mutex::new(Bucket { tokens, filled: None });
        Self { reads: bucket(), writes: bucket() }
    }

    /// Takes a token, or says that there is none.
    pub(super) fn admits(&self, request: &Request) -> bool {
        if request.service != "elasticloadbalancing" {
            return true;
        }
        lock(if request.action.starts_with("Describe") { &self.reads } else { &self.writes }).take(Instant::now())
    }
}

impl Bucket {
    fn take(&mut self, now: Instant) -> bool {
        let since = self.filled.replace(now).unwrap_or(now);
        self.tokens = (self.tokens + now.duration_since(since).as_secs_f64() * REFILL).min(SIZE);
        let holds = self.tokens >= 1.0;
        self.tokens -= if holds { 1.0 } else { 0.0 };
        holds
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Bucket, SIZE};

    #[test]
    fn a_bucket_holds_forty_and_fills_up_at_ten_a_second() {
        let start = Instant::now();
        let mut bucket = Bucket { tokens: SIZE, filled: None };
        let mut taken = |seconds| (0..100).filter(|_| bucket.take(start + Duration::from_secs(seconds))).count();
        assert_eq!([0, 0, 1, 4, 100].map(&mut taken), [40, 0, 10, 30, 40]);
    }

    #[test]
    fn an_emptied_bucket_refuses_its_first_call_however_late_that_comes() {
        let late = Instant::now() + Duration::from_secs(60);
        let mut bucket = Bucket { tokens: 0.0, filled: None };
        assert!(!bucket.take(late) && bucket.take(late + Duration::from_secs(1)));
    }
}
