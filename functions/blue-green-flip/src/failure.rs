//! Why a job failed, for the pipeline and for a person.

use aws_sdk_codepipeline::types::FailureType;
use blue_green::aws::elb::read::ReadError;
use blue_green::aws::failure::{AwsFailure, Class};
use blue_green::plan::Refusal;
use blue_green::release::guard::Blocked;
use blue_green::seen::unfit::Unfit;
use thiserror::Error;

/// Why a job failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Failure {
    /// The set-up or the parameters are wrong; this delivery changed no rule.
    #[error("{unfit}. {}", apart(.split))]
    Unfit {
        /// What is wrong.
        unfit: Unfit,
        /// Each rule, where an earlier delivery or flip left them apart.
        split: Vec<String>,
    },
    /// The flip was refused; this delivery changed no rule, unless to finish what came after an earlier one.
    #[error("refused: {}. {}{}", joined(.reasons), others(.finished), if .finished.is_empty() || !.split.is_empty() { apart(.split) } else { String::new() })]
    Blocked {
        /// Every reason.
        reasons: Vec<Blocked>,
        /// What came after it and was half-done, and was finished.
        finished: Vec<String>,
        /// Each rule, where an earlier flip left them apart.
        split: Vec<String>,
    },
    /// The flip was refused when it had begun to move the rules, and what had moved was taken back.
    #[error("refused: {}. An earlier try had moved some rules; {}: {}.", joined(.reasons), withdrawn(.open), .states.join("; "))]
    Withdrawn {
        /// Every reason.
        reasons: Vec<Blocked>,
        /// Each rule with the group it serves now.
        states: Vec<String>,
        /// Whether rules are still to be set back.
        open: bool,
    },
    /// An AWS call failed before this delivery wrote a rule; an earlier one may have.
    #[error("{0}. This delivery changed no rule.")]
    Aws(#[from] AwsFailure),
    /// An AWS call failed between the writes, and what had been written was taken back.
    #[error("{cause}. Every rule was set back: {}.", .states.join("; "))]
    TakenBack {
        /// The call that failed.
        cause: AwsFailure,
        /// Each rule with the group it serves now.
        states: Vec<String>,
    },
    /// An earlier delivery of this event ended it without a flip, and had begun to set rules back.
    #[error("job {job} is over: an earlier delivery of it could not finish the flip and began to set the rules back; they are now: {}. {}", .states.join("; "), over_next(.open))]
    Over {
        /// The job's or the request's id.
        job: String,
        /// Each rule with the group it serves now.
        states: Vec<String>,
        /// Whether rules are still to be set back.
        open: bool,
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
        /// Whether the next delivery of the event can do it.
        open: bool,
    },
    /// A check failed after it had brought labels in line.
    #[error("{cause} Labels brought in line before: {}.", .labels.join("; "))]
    Labelled {
        /// Why it failed.
        cause: Box<Failure>,
        /// The tags that were written.
        labels: Vec<String>,
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
        match self {
            Self::Aws(cause) => cause.class == Class::Transient,
            Self::HalfDone { open, .. } | Self::Over { open, .. } | Self::Withdrawn { open, .. } => *open,
            Self::Labelled { cause, .. } => cause.may_pass(),
            Self::Unfit { .. } | Self::Blocked { .. } | Self::TakenBack { .. } | Self::Conflict { .. } => false,
        }
    }

    /// Whether the job ends without a note on the groups that it is over: nothing was read, or written.
    #[must_use]
    pub fn is_unnoted(&self) -> bool {
        match self {
            Self::Unfit { .. } | Self::Aws(_) => true,
            Self::Labelled { cause, .. } => cause.is_unnoted(),
            Self::Blocked { .. }
            | Self::Withdrawn { .. }
            | Self::TakenBack { .. }
            | Self::Over { .. }
            | Self::HalfDone { .. }
            | Self::Conflict { .. } => false,
        }
    }

    /// The failure type that CodePipeline shows.
    #[must_use]
    pub fn kind(&self) -> FailureType {
        match self {
            Self::Unfit { .. } => FailureType::ConfigurationError,
            Self::Blocked { .. } | Self::Withdrawn { .. } | Self::Over { .. } | Self::Conflict { .. } => FailureType::JobFailed,
            Self::Labelled { cause, .. } => cause.kind(),
            Self::Aws(cause) | Self::TakenBack { cause, .. } | Self::HalfDone { cause, .. } => match cause.class {
                Class::Permission => FailureType::PermissionError,
                Class::Transient => FailureType::SystemUnavailable,
                Class::NotFound | Class::Permanent => FailureType::JobFailed,
            },
        }
    }
}

fn over_next(open: &bool) -> &'static str {
    if *open { "Another delivery of this job sets the rest back" } else { "Press Retry or approve again for a new flip" }
}

fn joined(reasons: &[Blocked]) -> String {
    reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn others(finished: &[String]) -> String {
    if finished.is_empty() { String::new() } else { format!("The rules were apart: finished {}. ", finished.join(" and ")) }
}

fn withdrawn(open: &bool) -> &'static str {
    if *open { "another delivery of this job sets them back, and they are now" } else { "every rule was set back" }
}

fn apart(split: &[String]) -> String {
    if split.is_empty() {
        "No rule was changed.".to_owned()
    } else {
        format!("The rules disagree about which version is live: {}.", split.join("; "))
    }
}

impl From<Unfit> for Failure {
    fn from(unfit: Unfit) -> Self {
        Self::Unfit { unfit, split: Vec::new() }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unfit(unfit) => unfit.into(),
            Refusal::Blocked(reasons) => Self::Blocked { reasons, finished: Vec::new(), split: Vec::new() },
        }
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Aws(failure) => Self::Aws(failure),
            ReadError::Unfit(unfit) => unfit.into(),
        }
    }
}
