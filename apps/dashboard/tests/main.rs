//! The dashboard from outside: its program, a GitLab that fails, an OAuth2 server, Redis and a browser that nobody here wrote.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says by a panic what it found")]

mod bad_input;
mod browser;
mod down;
mod fake;
mod foreign;
mod harness;
mod oauth;
mod page;
mod redis;
mod refresh;
mod script;
mod security;
mod shipping;
mod sign_in;
mod size;
