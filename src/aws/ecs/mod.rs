//! Everything that is read from ECS.

pub mod running;
