//! No secret leaves: whatever the function and the deployer are given, what is not theirs to tell is in no log at any
//! level, in no result, in no error and in no tag.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed expectation ends a test")]

mod deployer;
mod event;
mod function;
#[path = "../flip/stage.rs"]
#[expect(dead_code, reason = "other tests need more of it")]
mod stage;

/// Stands in every text that must not be told. It looks like nothing that the product makes itself.
pub const MARKER: &str = "qXzPlantedZq";
