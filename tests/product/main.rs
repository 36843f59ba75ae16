//! The product against the local AWS: the real function under the Runtime API, the real deployer, real traffic.
//! One binary, since each links the whole SDK.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failed expectation ends a test")]

mod demo;
mod deployer;
mod faults;
mod field;
mod flip;
mod history;
mod kinds;
mod policy;
mod readme;
mod recipes;
mod roll;
mod secrets;
mod stacks;
mod stories;
