//! Releases a version of an ECS service behind an Application Load Balancer, and takes it back, by exchanging the
//! target groups of its live and its test listener.
//!
//! `observe → plan → apply → verify → report` is the whole story. Planning is pure: [`plan::plan`] is a function of
//! what was seen ([`seen::topology`]), what is asked ([`asked::parameters`]) and the time. All I/O is in `aws` (feature `aws`).

pub mod asked;
pub mod plan;
pub mod release;
pub mod report;
pub mod seen;

#[cfg(feature = "aws")]
pub mod aws;
