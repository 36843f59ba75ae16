//! The project explores its own table: every interleaving of deliveries, crashes, late writes, edits by hand and wiped
//! tags, breadth first, over the real [`decide_all`](blue_green::release::several::decide_all) and the real records.
//!
//! With one delivery of a flip at a time, nothing fails. What fails beyond that, or where reads are stale, groups are fenced,
//! writes are refused, or jobs end at their deadline, is the lists in `tables`, each with its
//! shortest trace (`cargo nextest run --release explore --success-output final`).
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed expectation ends a test")]

mod explorer;
mod history;
mod invariants;
mod mutants;
mod own;
mod play;
mod rows;
mod scenarios;
mod steps;
mod stories;
mod tables;
mod world;
