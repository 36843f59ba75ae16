//! No secret leaves: whatever the function and the deployer are given, what is not theirs to tell is in no log at any
//! level, in no result, in no error and in no tag.

mod deployer;
mod event;
mod function;

/// Stands in every text that must not be told. It looks like nothing that the product makes itself.
pub const MARKER: &str = "qXzPlantedZq";
