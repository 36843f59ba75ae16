//! Everything that is read from and written to Elastic Load Balancing.

mod actions;
mod conditions;
mod describe;
pub mod exposure;
pub mod read;
mod rules;
mod sign_in;
pub mod write;

/// The most ARNs that DescribeTags takes (service model).
const TAGS_AT_ONCE: usize = 20;
