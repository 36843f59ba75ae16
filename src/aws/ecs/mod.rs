//! ECS: what runs behind a target group, and its companions; and the I/O of rolling updates: `read` looks, `write` changes, `parse` turns answers into
//! what was seen.

mod companions;
mod logs;
mod parse;
mod read;
mod registry;
mod revisions;
pub mod running;
mod write;

pub use read::{Reader, Services};
pub use write::{RunAsked, Shell, Writer};
