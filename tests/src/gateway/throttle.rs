//! ELB's request buckets: 40 calls, refilled at 10 a second, for the Describe calls of an account and Region.
//! Source: Elastic Load Balancing, "Request throttling for the API". The size of the bucket for writes is not published:
//! it is taken to be the same.

use std::sync::Mutex;
use std::time::Instant;

use super::log::lock;
use super::request::Request;

const SIZE: f64 = 40.0;
const REFILL: f64 = 10.0;

/// Two buckets, full at first.
#[derive(Debug)]
pub(super) struct Throttle {
    reads: Mutex<Bucket>,
    writes: Mutex<Bucket>,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    filled: Instant,
}

impl Throttle {
    pub(super) fn full() -> Self {
        let bucket = || Mutex::new(Bucket { tokens: SIZE, filled: Instant::now() });
        Self { reads: bucket(), writes: bucket() }
    }

    /// Takes a token, or says that there is none.
    pub(super) fn admits(&self, request: &Request) -> bool {
        if request.service != "elasticloadbalancing" {
            return true;
        }
        let mut bucket = lock(if request.action.starts_with("Describe") { &self.reads } else { &self.writes });
        let now = Instant::now();
        let refilled = now.duration_since(bucket.filled).as_secs_f64() * REFILL;
        bucket.tokens = (bucket.tokens + refilled).min(SIZE);
        bucket.filled = now;
        if bucket.tokens < 1.0 {
            return false;
        }
        bucket.tokens -= 1.0;
        true
    }
}
