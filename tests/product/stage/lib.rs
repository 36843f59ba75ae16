//! What the product's tests begin with: a world with a load balancer and the function, services behind its groups, and calls
//! that the SDK's crates here lack.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed expectation ends a test")]
#![allow(missing_docs, clippy::missing_panics_doc, clippy::must_use_candidate, reason = "support of tests, read beside them")]

pub mod function;
pub mod json;
pub mod query;
pub mod services;

pub use function::{Ended, Stage};
