//! `deployer roll` against the local AWS: real processes behind the tasks, real HTTP through the load balancer.

mod back;
mod dashboard;
mod deploys;
mod fails;
mod peers;
pub mod stage;
mod sweep;
mod verbs;

use stage::Stage;
