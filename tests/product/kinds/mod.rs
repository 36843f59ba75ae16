//! The real flip on the load balancers that people have, with real traffic on each kind. The gateway serves pages of two,
//! so that no loop over a list can be wrong unseen.

mod batches;
mod conditions;
mod https;
mod services;
mod sign_in;
mod size;
mod sticky;
mod traffic;
