//! Why a job failed, for the pipeline and for a person.

use aws_sdk_codepipeline::types::FailureType;
use blue_green::aws::elb::read::ReadError;
use blue_green::aws::failure::{AwsFailure, Class};
use blue_green::release::record::{Closing, Reason};
use blue_green::release::refusal::Refusal;
use blue_green::report::not_made::NotMade;
use blue_green::seen::setup_error::SetupError;
use thiserror::Error;

/// Why a job failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Failure {
    /// The flip was not made; this delivery changed no rule of its own.
    #[error("{why}. {}{}", apart(.split), late(*.recorded))]
    NotMade {
        /// Why.
        why: NotMade,
        /// Each rule, where the rules of a pair do not all say the same.
        split: Vec<String>,
        /// Whether a late copy of the event moves nothing: the job is closed in the records, or can never flip.
        recorded: bool,
    },
    /// An earlier delivery of this job was answered: the same answer again.
    #[error("job {} already failed at {}: {}. This copy of its event changed nothing. Rules now: {}", .closing.called, .closing.time, word(.closing.reason), .states.join("; "))]
    Closed {
        /// How it was closed.
        closing: Closing,
        /// Each rule with the group it serves now.
        states: Vec<String>,
    },
    /// The flip was begun and taken back.
    #[error("{cause}. The flip was undone. Rules now: {}. {}", .states.join("; "), cause.next())]
    Undone {
        /// Why.
        cause: Cause,
        /// Each rule with the group it serves now.
        states: Vec<String>,
    },
    /// The flip was begun, and is neither made nor undone.
    #[error("{cause}. The flip is in progress and not finished. Rules now: {}. Press Retry: it finishes the flip, or undoes it", .states.join("; "))]
    Unfinished {
        /// Why.
        cause: Cause,
        /// Each rule with the group it serves, as it was seen last.
        states: Vec<String>,
    },
    /// It ended before this flip wrote a rule.
    #[error("{cause}. This delivery changed no rule.{}", late(*.recorded))]
    Stopped {
        /// Why.
        cause: Cause,
        /// Whether a late copy of the event moves nothing all the same.
        recorded: bool,
    },
    /// Several pairs, and not all were flipped.
    #[error("{}", .0.iter().map(|(pair, end)| format!("{pair}: {end}")).collect::<Vec<_>>().join(" | "))]
    Several(Vec<(String, PairEnd)>),
    /// A check failed after it had brought labels in line.
    #[error("{cause} Labels brought in line before: {}.", .labels.join("; "))]
    Labelled {
        /// Why it failed.
        cause: Box<Failure>,
        /// The tags that were written.
        labels: Vec<String>,
    },
}

/// How one of several pairs ended.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PairEnd {
    /// Its flip was made, or it was live already.
    #[error("live")]
    Made,
    /// It was not made.
    #[error(transparent)]
    Failed(Box<Failure>),
}

/// Why a flip that was begun was not made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Cause {
    /// An AWS call failed.
    #[error("{0}")]
    Aws(AwsFailure),
    /// The guard refuses to go on.
    #[error("refused after some rules had moved: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Refused(Vec<Refusal>),
    /// The set-up changed meanwhile.
    #[error("{0}")]
    Setup(SetupError),
    /// Somebody else keeps changing the rules.
    #[error(
        "the rules changed during this flip, and not by another flip. Find the caller in CloudTrail (ModifyRule, ModifyListener)"
    )]
    Conflict,
    /// An earlier delivery began to take it back.
    #[error("an earlier delivery of this flip began to undo it")]
    Earlier,
    /// There was no time left.
    #[error("the function's time was up")]
    Time,
}

impl Cause {
    fn kind(&self) -> FailureType {
        match self {
            Self::Aws(failure) => kind_of(failure.class),
            Self::Time => FailureType::SystemUnavailable,
            Self::Setup(setup_error) => kind_of_setup(setup_error),
            Self::Refused(_) | Self::Conflict | Self::Earlier => FailureType::JobFailed,
        }
    }

    fn next(&self) -> &'static str {
        match self {
            Self::Conflict => "Then approve again",
            Self::Aws(_) | Self::Refused(_) | Self::Setup(_) | Self::Earlier | Self::Time => {
                "When the reason is gone, press Retry or approve again"
            }
        }
    }
}

impl Failure {
    /// The failure type that CodePipeline shows.
    #[must_use]
    pub fn kind(&self) -> FailureType {
        match self {
            Self::NotMade { why: NotMade::Setup(setup_error), .. } => kind_of_setup(setup_error),
            Self::NotMade { .. } | Self::Closed { .. } => FailureType::JobFailed,
            Self::Undone { cause, .. } | Self::Unfinished { cause, .. } | Self::Stopped { cause, .. } => cause.kind(),
            Self::Labelled { cause, .. } => cause.kind(),
            Self::Several(ends) => {
                let failed = ends.iter().find_map(|(_, end)| match end {
                    PairEnd::Made => None,
                    PairEnd::Failed(failure) => Some(failure.kind()),
                });
                failed.unwrap_or(FailureType::JobFailed)
            }
        }
    }
}

/// Traffic that somebody shares is no mistake in the set-up, whether it is clear which pair shares it or not.
fn kind_of_setup(setup_error: &SetupError) -> FailureType {
    match setup_error {
        SetupError::Shared { .. } => FailureType::JobFailed,
        _ => FailureType::ConfigurationError,
    }
}

fn kind_of(class: Class) -> FailureType {
    match class {
        Class::Permission => FailureType::PermissionError,
        Class::Transient => FailureType::SystemUnavailable,
        Class::NotFound | Class::Permanent => FailureType::JobFailed,
    }
}

/// A reason of a closed job for a person.
fn word(reason: Reason) -> &'static str {
    match reason {
        Reason::Made | Reason::NoOp => "made",
        Reason::Refused => "the flip was refused",
        Reason::Outdated => "a later flip came after it",
        Reason::Undone => "the flip was begun and undone",
        Reason::Edited => "the flip had been made and the rules were changed by other means",
        Reason::Conflict => "the rules changed while the flip was made",
        Reason::Setup => "the load balancer's set-up did not allow it",
    }
}

fn apart(split: &[String]) -> String {
    if split.is_empty() {
        "No rule was changed.".to_owned()
    } else {
        format!("The rules disagree about which version is live: {}.", split.join("; "))
    }
}

fn late(recorded: bool) -> &'static str {
    if recorded { "" } else { " It could not be recorded that this job failed: a late copy of its event may flip." }
}

// What a check finds, and parameters that cannot be used: no copy of such an event ever flips.

impl From<SetupError> for Failure {
    fn from(setup_error: SetupError) -> Self {
        NotMade::Setup(setup_error).into()
    }
}

impl From<NotMade> for Failure {
    fn from(why: NotMade) -> Self {
        Self::NotMade { why, split: Vec::new(), recorded: true }
    }
}

impl From<AwsFailure> for Failure {
    fn from(failure: AwsFailure) -> Self {
        Self::Stopped { cause: Cause::Aws(failure), recorded: true }
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Aws(failure) => failure.into(),
            ReadError::Setup(setup_error) => setup_error.into(),
        }
    }
}
