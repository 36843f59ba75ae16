//! The stacks as they are installed, and the pipelines that their templates define, with real traffic.

mod approvals;
mod deployer;
mod movies;
mod mutations;
mod releases;
mod scripts;
mod stage;
pub mod templates;
mod traffic;
mod unanswered;
