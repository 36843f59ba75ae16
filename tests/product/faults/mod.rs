//! Exactly one flip, whatever breaks: every fault at every call, pairs of faults, flips at once.

pub mod arena;
mod between;
mod clients;
mod concurrency;
mod deployer;
mod for_good;
mod histories;
mod interleavings;
mod midway;
mod model;
mod orders;
mod outcome;
mod overtaken;
mod pairs;
pub mod rules;
mod run;
mod seed;
mod stays;
mod sweep;
mod table;
