//! What the deployer does, a file or a folder a verb.

pub mod approval;
pub mod build;
pub mod close_flip;
pub mod completions;
pub mod doctor;
pub mod history;
pub mod init;
pub mod notify;
pub mod plan;
pub mod roll;
pub mod status;
pub mod unfence;
