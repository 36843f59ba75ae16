//! EC2: whom security groups let in.

pub mod read;
