//! The stacks as they are installed, and the pipelines that their templates define, with real traffic.

mod deployer;
mod mutations;
mod releases;
mod scripts;
mod templates;
mod traffic;
