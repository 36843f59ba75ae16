//! Least privilege: the policies in `cloudformation/policies/` are all that the binaries need, and no more.

pub mod cuts;
mod deployer;
mod function;
mod roll;
