//! What the table says about one pair: the row, and what is done.

use std::fmt;

use super::record::{Closing, Record, Verdict};
use super::why::Why;
use crate::seen::side::Side;

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the rows are described in the README's table")]
pub enum Row {
    R1,
    R2,
    R3a,
    R3b,
    R3c,
    R3d,
    R3e,
    R3f,
    R4,
    R5,
    R5a,
    R5b,
    R5c,
    R5d,
}

/// What is done about one pair, in this turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Records, acknowledged first; then the rules, so that `live` is live.
    Set {
        /// The row that says so.
        row: Row,
        /// One call on the group that is promoted; none where nothing is recorded.
        records: Option<(Side, Vec<Record>)>,
        /// Which group the rules make live.
        live: Side,
        /// Why a flip is taken back, where that begins.
        why: Option<Why>,
    },
    /// One call on one group: its records, the closing first.
    Close {
        /// The row that says so.
        row: Row,
        /// The group.
        on: Side,
        /// The records.
        records: Vec<Record>,
        /// Why; none where only another job is closed, and this one is looked at anew.
        why: Option<Why>,
    },
    /// Other jobs' plans may still be applied: wait for them once, then look again.
    Wait,
    /// This job was closed by an earlier delivery: the same answer again.
    Answered(Closing),
    /// The rules cannot be set back: close nothing, say how they are.
    Stuck,
}

impl Turn {
    /// How this turn ends the job for its pair, where it does.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        match self {
            Self::Close { why, .. } => why.as_ref().map(|why| why.reason().verdict()),
            Self::Answered(closing) => Some(closing.verdict),
            Self::Stuck => Some(Verdict::Failed),
            Self::Set { .. } | Self::Wait => None,
        }
    }
}

/// The row, or what is done instead.
impl fmt::Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Set { row, .. } | Self::Close { row, .. } => write!(f, "{row:?}"),
            Self::Answered(_) => write!(f, "{:?}", Row::R2),
            Self::Wait => f.write_str("wait"),
            Self::Stuck => f.write_str("stuck"),
        }
    }
}
