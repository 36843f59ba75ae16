//! Releases a version of an ECS service behind an Application Load Balancer, and takes it back, by exchanging the
//! target groups of its live and its test listener.
//!
//! `observe → plan → apply → verify → report` is the whole story. Planning is pure: [`plan::plan`] is a function of
//! what was seen ([`topology`]), what is asked ([`parameters`]) and the time. All I/O is in `aws` (feature `aws`).

pub mod back;
pub mod build_file;
pub mod event;
pub mod intent;
pub mod journal;
pub mod labels;
pub mod pairs;
pub mod parameters;
pub mod plan;
pub mod ports;
pub mod report;
pub mod roll;
mod rules;
pub mod safety;
pub mod tags;
pub mod topology;
pub mod twins;
pub mod unfit;

#[cfg(feature = "aws")]
pub mod aws;
