//! Who released what when: `deployer history`, and the same in the dashboard, on what the local pipeline and the local ECS did.

mod dashboard;
mod deployer;
mod policy;
mod stage;
