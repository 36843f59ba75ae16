//! Why a job failed, for the pipeline and for a person.

use aws_sdk_codepipeline::types::FailureType;
use blue_green::aws::failure::{AwsFailure, Class};
use blue_green::aws::observe::ReadError;
use blue_green::plan::Refusal;
use blue_green::safety::Blocked;
use blue_green::unfit::Unfit;
use thiserror::Error;

/// Why a job failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Failure {
    /// The set-up or the parameters are wrong; nothing was changed.
    #[error("{0}. Nothing was changed.")]
    Unfit(#[from] Unfit),
    /// The flip was refused; nothing was changed.
    #[error("refused: {}. Nothing was changed.{}", .reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "), apart(.split))]
    Blocked {
        /// Every reason.
        reasons: Vec<Blocked>,
        /// Each rule, where an earlier flip left them apart.
        split: Vec<String>,
    },
    /// An AWS call failed before any rule was written.
    #[error("{0}. Nothing was changed.")]
    Aws(#[from] AwsFailure),
    /// An AWS call failed between the writes, and what had been written was taken back.
    #[error("{cause}. The rules that had been changed were set back: {}.", .states.join("; "))]
    TakenBack {
        /// The call that failed.
        cause: AwsFailure,
        /// Each rule with the group it serves now.
        states: Vec<String>,
    },
    /// An AWS call failed between the writes, and the rules stay as they are.
    #[error("{cause}. The flip is half-done: {}. {next}", .states.join("; "))]
    HalfDone {
        /// The call that failed.
        cause: AwsFailure,
        /// Each rule with the group it serves, as far as that is known.
        states: Vec<String>,
        /// What the next delivery or approval will do.
        next: String,
    },
    /// Somebody else wrote at the same time.
    #[error("somebody else changed the rules during this flip ({by}): {}. Look at who did, then approve again", .states.join("; "))]
    Conflict {
        /// The other flip, or `no other flip is in the journal`.
        by: String,
        /// Each rule that is not as it was written.
        states: Vec<String>,
    },
}

impl Failure {
    /// Whether another delivery of the same event may succeed.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Aws(cause) | Self::HalfDone { cause, .. } if cause.class == Class::Transient)
    }

    /// The failure type that CodePipeline shows.
    #[must_use]
    pub fn kind(&self) -> FailureType {
        match self {
            Self::Unfit(_) => FailureType::ConfigurationError,
            Self::Blocked { .. } | Self::Conflict { .. } => FailureType::JobFailed,
            Self::Aws(cause) | Self::TakenBack { cause, .. } | Self::HalfDone { cause, .. } => match cause.class {
                Class::Permission => FailureType::PermissionError,
                Class::Transient => FailureType::SystemUnavailable,
                Class::NotFound | Class::Permanent => FailureType::JobFailed,
            },
        }
    }
}

fn apart(split: &[String]) -> String {
    if split.is_empty() {
        String::new()
    } else {
        format!(" The rules disagree about which version is live: {}.", split.join("; "))
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unfit(unfit) => Self::Unfit(unfit),
            Refusal::Blocked(reasons) => Self::Blocked { reasons, split: Vec::new() },
        }
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Aws(failure) => Self::Aws(failure),
            ReadError::Unfit(unfit) => Self::Unfit(unfit),
        }
    }
}
