//! Releases a version of an ECS service behind an Application Load Balancer, and takes it back, by exchanging the
//! target groups of its live and its test listener.
//!
//! A flip is one loop: look at what is there ([`seen`]), decide ([`release::decide`]), write that ([`plan`]), and look
//! again, until the job can be answered ([`report`]). All of it is pure; all I/O is in `aws` (feature `aws`).

pub mod asked;
pub mod history;
pub mod plan;
pub mod release;
pub mod report;
pub mod roll;
pub mod seen;

#[cfg(feature = "aws")]
pub mod aws;
