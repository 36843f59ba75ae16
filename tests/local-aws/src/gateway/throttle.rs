//! ELB's request buckets, of one account and Region: each family of calls has its own, so that writes never use up what
//! reads need.
//!
//! Sources: Elastic Load Balancing, "Request throttling for the API", as `throttle/defaults.go` of the AWS load balancer
//! controller cites it. Describe calls have had larger buckets since 2026-03: the smaller ones are the stricter ones. The
//! buckets of tags, and of creating and deleting, are not published: they are taken to be those of Modify.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Instant;

use super::log::lock;
use super::request::Request;

/// The calls that share a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Family {
    Describe,
    Modify,
    AddTags,
    RemoveTags,
    Targets,
    Other,
}

impl Family {
    fn of(action: &str) -> Self {
        match action {
            "AddTags" => Self::AddTags,
            "RemoveTags" => Self::RemoveTags,
            "RegisterTargets" | "DeregisterTargets" => Self::Targets,
            read if read.starts_with("Describe") => Self::Describe,
            write if write.starts_with("Modify") => Self::Modify,
            _ => Self::Other,
        }
    }

    /// How many calls its bucket holds.
    fn size(self) -> f64 {
        if self == Self::Describe { 40.0 } else { 20.0 }
    }

    /// How many calls are filled up in a second.
    fn refill(self) -> f64 {
        match self {
            Self::Describe => 10.0,
            Self::Targets => 4.0,
            Self::Modify | Self::AddTags | Self::RemoveTags | Self::Other => 3.0,
        }
    }
}

/// A bucket for each family, made at its first call.
#[derive(Debug)]
pub(super) struct Throttle {
    full: bool,
    buckets: Mutex<HashMap<Family, Bucket>>,
}

#[derive(Debug)]
struct Bucket {
    family: Family,
    tokens: f64,
    filled: Instant,
}

impl Throttle {
    /// Buckets that are full at first.
    pub(super) fn full() -> Self {
        Self { full: true, buckets: Mutex::default() }
    }

    /// Buckets that are empty at the first call of each.
    pub(super) fn emptied() -> Self {
        Self { full: false, buckets: Mutex::default() }
    }

    /// Takes a token, or says that there is none.
    pub(super) fn admits(&self, request: &Request) -> bool {
        request.service != "elasticloadbalancing" || self.admits_at(&request.action, Instant::now())
    }

    fn admits_at(&self, action: &str, now: Instant) -> bool {
        let family = Family::of(action);
        let tokens = if self.full { family.size() } else { 0.0 };
        lock(&self.buckets).entry(family).or_insert(Bucket { family, tokens, filled: now }).take(now)
    }
}

impl Bucket {
    fn take(&mut self, now: Instant) -> bool {
        let since = now.saturating_duration_since(std::mem::replace(&mut self.filled, now));
        self.tokens = (self.tokens + since.as_secs_f64() * self.family.refill()).min(self.family.size());
        let holds = self.tokens >= 1.0;
        self.tokens -= if holds { 1.0 } else { 0.0 };
        holds
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Throttle;

    /// How many of a hundred calls each are admitted now, and so many seconds later.
    fn admitted(action: &str, seconds: [u64; 4]) -> [usize; 4] {
        let (throttle, start) = (Throttle::full(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        seconds.map(|seconds| (0..100).filter(|_| throttle.admits_at(action, at(seconds))).count())
    }

    #[test]
    fn a_bucket_is_used_up_and_fills_up_again() {
        assert_eq!(admitted("DescribeRules", [0, 1, 4, 100]), [40, 10, 30, 40]);
        for action in ["ModifyRule", "ModifyListener", "AddTags", "RemoveTags"] {
            assert_eq!(admitted(action, [0, 1, 4, 100]), [20, 3, 9, 20], "{action}");
        }
        assert_eq!(admitted("RegisterTargets", [0, 1, 4, 100]), [20, 4, 12, 20]);
    }

    #[test]
    fn a_family_shares_one_bucket_and_uses_no_other() {
        let (throttle, now) = (Throttle::full(), Instant::now());
        let admits = |action| (0..100).filter(|_| throttle.admits_at(action, now)).count();
        assert_eq!((admits("ModifyRule"), admits("ModifyListener")), (20, 0));
        assert_eq!((admits("DescribeTags"), admits("DescribeRules")), (40, 0));
        assert_eq!((admits("AddTags"), admits("RemoveTags")), (20, 20));
    }

    #[test]
    fn an_emptied_bucket_refuses_its_first_call_however_late_that_comes() {
        let (throttle, late) = (Throttle::emptied(), Instant::now() + Duration::from_secs(60));
        assert!(!throttle.admits_at("AddTags", late) && throttle.admits_at("AddTags", late + Duration::from_secs(1)));
    }
}
