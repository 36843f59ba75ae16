//! The exit codes of the deployer.

use std::process::ExitCode;

/// The exit codes. Scripts rely on them: a number never changes its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done, or there was nothing to do.
    Done = 0,
    /// Anything that has no code of its own: a disk that is full, no signal handlers, Ctrl-C.
    Other = 1,
    /// The command line, the environment or build.json is wrong.
    Input = 2,
    /// The load balancer is not in a state in which this may be done.
    Refused = 3,
    /// AWS does not allow a call, or takes no credentials.
    Permission = 4,
    /// AWS failed in another way: no answer in time, one that makes no sense, or a refusal for another reason.
    Unavailable = 5,
    /// A roll failed, and what ran before runs again.
    RolledBack = 6,
    /// A roll failed, and the state is mixed.
    Mixed = 7,
    /// A one-off task failed.
    Task = 8,
    /// Time is up, and it is still rolling.
    Rolling = 9,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
