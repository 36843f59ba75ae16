//! What to do about it: the records of flips, the guard, the intent.

pub mod back;
pub mod guard;
pub mod intent;
pub mod journal;
