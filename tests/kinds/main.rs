//! The real flip on the load balancers that people have, with real traffic on each kind. The gateway serves pages of two,
//! so that no loop over a list can be wrong unseen.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed expectation ends a test")]

mod conditions;
mod https;
mod services;
mod sign_in;
mod size;
#[path = "../flip/stage.rs"]
#[expect(dead_code, reason = "other tests need more of it")]
mod stage;
mod sticky;
mod traffic;
