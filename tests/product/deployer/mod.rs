//! The real deployer against the local AWS: what it writes, what it refuses, what it shows.

mod bad_input;
mod build_json;
mod completions;
pub mod doctor;
mod exposed;
mod faults;
mod fence;
mod fixes;
mod plan;
mod running;
mod shell;
pub mod stage;
mod status;
mod undone;
mod unfence;
