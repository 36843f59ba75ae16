//! Load balancers as people have them, each a short file: what a flip would write, or why it is refused.
//!
//! `cases/NAME.txt` holds a topology in the notation of [`notation`], what is asked, and after a line `---` what comes of
//! it. `BLESS=1` writes what comes of it into the files, for a person to review. Pure: no client, no clock, no process.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed expectation ends a test")]

mod after;
mod cases;
mod notation;
