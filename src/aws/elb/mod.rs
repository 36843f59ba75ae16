//! Everything that is read from and written to Elastic Load Balancing.

mod actions;
mod conditions;
pub mod exposure;
pub mod read;
mod sign_in;
pub mod write;
