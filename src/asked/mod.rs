//! What is wanted: the event that came, its parameters, the build step's file.

pub mod build_file;
pub mod entries;
pub mod event;
pub mod parameters;
pub mod words;
