//! Load balancers as people have them: what a flip would write, or why it is refused. Pure: no client, no clock, no process.
//!
//! `cases/NAME.txt` holds a topology in the notation of [`notation`], what is asked, and after a line `---` what comes of
//! it. `BLESS=1` writes what comes of it into the files, for a person to review. [`exchange`] asks the same of topologies
//! that nobody thought of, which [`drawn`] makes up.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed expectation ends a test")]

mod after;
mod cases;
mod drawn;
mod exchange;
mod held;
mod notation;
mod reports;
mod simulate;
