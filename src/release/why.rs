//! Why a job is closed as it is, or a flip is taken back.

use super::record::{Flip, Reason};
use super::refusal::Refusal;
use crate::seen::setup_error::SetupError;
use crate::seen::side::Side;

/// Why a job is closed as it is, or a flip is taken back: the record's word, and what a person reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The flip was made.
    Made,
    /// The group was live already.
    NoOp,
    /// The guard refuses it.
    Refused(Vec<Refusal>),
    /// A later flip came after it.
    Outdated(Box<(Side, Flip)>),
    /// It was begun, and its rules were set back.
    Undone,
    /// The same, since somebody else kept changing the rules.
    Conflict,
    /// It was made, and the rules were changed by other means since.
    Edited,
    /// The set-up does not allow it.
    Setup(SetupError),
}

impl Why {
    /// The record's word for it.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::Made => Reason::Made,
            Self::NoOp => Reason::NoOp,
            Self::Refused(_) => Reason::Refused,
            Self::Outdated(_) => Reason::Outdated,
            Self::Undone => Reason::Undone,
            Self::Conflict => Reason::Conflict,
            Self::Edited => Reason::Edited,
            Self::Setup(_) => Reason::Setup,
        }
    }
}
