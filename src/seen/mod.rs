//! What is there: listeners, rules, twins, pairs of target groups, and what of it cannot be flipped.

pub mod companion;
pub mod group;
pub mod names;
pub mod pair;
pub mod pairing;
pub mod ports;
pub mod setup_error;
pub mod side;
pub mod survey;
pub mod topology;
pub mod twins;
