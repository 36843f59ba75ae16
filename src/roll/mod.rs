//! A rolling update of an ECS service that says the truth. Pure.
//!
//! [`template`] renders a task definition, [`image`] puts images into it, [`pins`] pins them to digests, [`definition`] compares and prepares it for
//! registration, [`plan`] decides what to write, [`judge`] says how a deployment fares, [`evidence`] says why tasks stopped,
//! [`before`] says where an undo goes.
//! What was seen is in [`seen`]. All I/O is in `aws::ecs`.

pub mod before;
pub mod changes;
pub mod definition;
pub mod doctor;
pub mod evidence;
pub mod image;
pub mod judge;
pub mod pins;
pub mod plan;
pub mod release;
pub mod seen;
pub mod template;
