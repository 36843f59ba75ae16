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
    #[error("refused: {}. Nothing was changed.", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Blocked(Vec<Blocked>),
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
    /// The failure type that CodePipeline shows.
    #[must_use]
    pub fn kind(&self) -> FailureType {
        match self {
            Self::Unfit(_) => FailureType::ConfigurationError,
            Self::Blocked(_) | Self::Conflict { .. } => FailureType::JobFailed,
            Self::Aws(cause) | Self::TakenBack { cause, .. } | Self::HalfDone { cause, .. } => match cause.class {
                Class::Permission => FailureType::PermissionError,
                Class::Transient => FailureType::SystemUnavailable,
                Class::NotFound | Class::Permanent => FailureType::JobFailed,
            },
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unfit(unfit) => Self::Unfit(unfit),
            Refusal::Blocked(blocked) => Self::Blocked(blocked),
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
