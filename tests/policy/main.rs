//! Least privilege: the policies in `cloudformation/policies/` are all that the binaries need, and no more.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failed expectation ends a test")]

mod cuts;
mod deployer;
mod function;
#[path = "../deployer/query.rs"]
mod query;
mod services;
#[path = "../flip/stage.rs"]
#[expect(dead_code, reason = "other tests need more of it")]
mod stage;
