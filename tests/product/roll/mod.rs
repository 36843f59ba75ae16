//! `deployer roll` against the local AWS: real processes behind the tasks, real HTTP through the load balancer.

mod back;
mod complaints;
mod dashboard;
mod deploys;
mod fails;
mod peers;
mod release;
mod shells;
pub mod slack;
pub mod stage;
mod sweep;
mod tasks;
pub mod terminal;
mod verbs;
mod waiting;

use stage::Stage;
