//! The recipes, run as their CI system runs them: real jobs, the real deployer, real traffic.

mod gitlab;
mod init;
mod trust;
