//! CloudFormation: what a stack has, and what a template declares.

pub mod read;
