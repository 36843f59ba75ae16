//! The function: the real binary under the Runtime API, against the local AWS.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed expectation ends a test")]

mod bad_input;
mod check;
mod direct;
mod figures;
mod flips;
mod refusals;
#[path = "../policy/services.rs"]
mod services;
mod soak;
mod stage;
