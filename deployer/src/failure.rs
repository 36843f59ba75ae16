//! Why a verb did not do its work, and which exit code that is.

use std::io;
use std::path::PathBuf;

use blue_green::asked::build_file::BuildFileError;
use blue_green::aws::elb::read::ReadError;
use blue_green::aws::failure::{AwsFailure, Class};
use blue_green::seen::names::OPTIONS;
use blue_green::seen::setup_error::SetupError;
use thiserror::Error;

use crate::exit::Exit;
use crate::refused::Refused;
use crate::verbs::roll::failure::RollFailure;

/// Why a verb did not do its work. Each is a sentence, with what to do next.
#[derive(Debug, Error)]
pub enum Failure {
    /// The command line or the environment is wrong.
    #[error("{0}")]
    Usage(String),
    /// build.json cannot be used.
    #[error("{} {source}. It was left as it was", path.display())]
    BuildFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: BuildFileError,
    },
    /// build.json cannot be read.
    #[error("{} cannot be read ({source}); name the build step's file with --input", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The result cannot be written.
    #[error("{} cannot be written ({source}); make its folder writable, or name another file with --output", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Standard output takes nothing.
    #[error("the result cannot be printed ({0}); look at where standard output goes")]
    Output(io::Error),
    /// The load balancer is set up in a way that cannot be flipped, or is not there.
    #[error("{}", .0.words(&OPTIONS))]
    SetupError(#[from] SetupError),
    /// The load balancer is not in a state in which this may be done.
    #[error("{0}")]
    Refused(#[from] Refused),
    /// An AWS call failed.
    #[error("{}", advised(.0))]
    Aws(#[from] AwsFailure),
    /// There are no credentials, or their source fails.
    #[error(
        "no AWS credentials could be had ({0}); set AWS_PROFILE to a profile that exists, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, \
         or run this where a role is given"
    )]
    Credentials(String),
    /// The machine does not do what it always does.
    #[error("{0}")]
    System(String),
    /// A roll is not what was asked for.
    #[error("{0}")]
    Roll(#[from] RollFailure),
    /// Ctrl-C, or the end that CodeBuild sends.
    #[error("interrupted; nothing was written. Run it again")]
    Interrupted,
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Aws(failure) => Self::Aws(failure),
            ReadError::Setup(setup_error) => Self::SetupError(setup_error),
        }
    }
}

impl Failure {
    /// The exit code of this failure.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) | Self::BuildFile { .. } | Self::Unreadable { .. } => Exit::Input,
            Self::SetupError(setup_error) => setup_exit(setup_error),
            Self::Refused(_) => Exit::Refused,
            Self::Aws(failure) => match failure.class {
                Class::Permission => Exit::Permission,
                Class::Transient | Class::NotFound | Class::Permanent => Exit::Unavailable,
            },
            Self::Credentials(_) => Exit::Permission,
            Self::Roll(failure) => failure.exit(),
            Self::Unwritable { .. } | Self::Output(_) | Self::System(_) | Self::Interrupted => Exit::Other,
        }
    }
}

fn setup_exit(setup_error: &SetupError) -> Exit {
    match setup_error {
        SetupError::NoLoadBalancer { .. } | SetupError::Parameters(_) | SetupError::NoParameters(_) => Exit::Input,
        SetupError::WrongKind { .. }
        | SetupError::NoListeners { .. }
        | SetupError::HalfPair { .. }
        | SetupError::NoForward { .. }
        | SetupError::NoTwin { .. }
        | SetupError::Ambiguous { .. }
        | SetupError::Shared { .. }
        | SetupError::Overfull { .. }
        | SetupError::SameGroup { .. }
        | SetupError::SeveralPairs { .. }
        | SetupError::UnknownGroup { .. }
        | SetupError::AmbiguousGroup { .. }
        | SetupError::BothOfPair(..)
        | SetupError::Outside { .. }
        | SetupError::OneService { .. }
        | SetupError::UnknownAction { .. } => Exit::Refused,
    }
}

/// What a failed call means for whoever typed the command; the library's own advice speaks of deliveries.
fn advised(failure: &AwsFailure) -> String {
    match failure.class {
        Class::Transient => {
            format!("{}. AWS did not do it in time; run it again, or give it longer with --timeout", failure.what())
        }
        Class::Permission | Class::NotFound | Class::Permanent => failure.to_string(),
    }
}
