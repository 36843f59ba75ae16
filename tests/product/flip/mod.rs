//! The function: the real binary under the Runtime API, against the local AWS.

mod bad_input;
mod check;
mod companions;
mod direct;
mod figures;
mod flips;
mod init;
mod refusals;
mod soak;
mod unrecorded;
mod warm;
