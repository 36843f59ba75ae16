//! The real deployer against the local AWS: what it writes, what it refuses, what it shows.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed expectation ends a test")]

mod bad_input;
mod build_json;
mod doctor;
mod exposed;
mod faults;
mod fence;
mod mends;
mod plan;
mod query;
mod running;
mod shell;
mod stage;
mod status;
mod undone;
mod unfence;
