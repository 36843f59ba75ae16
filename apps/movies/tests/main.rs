//! The movie demo from outside: its three programs against a DynamoDB, and a browser that nobody here wrote.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says by a panic what it found")]

mod bad_input;
mod browser;
mod films;
mod flips;
mod harness;
mod loading;
mod shipping;
mod states;
