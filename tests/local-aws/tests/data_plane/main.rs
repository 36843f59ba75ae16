//! The load balancer behaves like an Application Load Balancer where a release depends on it: on real HTTP, by what the API holds.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says by a panic what it found")]

mod batches;
mod bench;
mod health;
mod order_of_writes;
mod rolling;
mod routing;
mod sign_in;
mod stickiness;
mod tls;
