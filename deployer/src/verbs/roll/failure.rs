//! How a roll can end badly. Each is a sentence, with what to do next.

use blue_green::aws::failure::{AwsFailure, Class};
use blue_green::roll::definition::Unregistrable;
use blue_green::roll::image::NoContainer;
use blue_green::roll::plan::Blocked;
use blue_green::roll::template::TemplateError;
use thiserror::Error;

use crate::exit::Exit;

/// Why a roll is not what was asked for.
#[derive(Debug, Error)]
pub enum RollFailure {
    /// The template cannot be rendered.
    #[error("{file}: {source}")]
    Template {
        /// The file.
        file: String,
        /// What is wrong with it.
        source: TemplateError,
    },
    /// ECS would refuse the definition.
    #[error("{0}. Nothing was changed")]
    Unregistrable(#[from] Unregistrable),
    /// No container takes the image.
    #[error("{0}. Nothing was changed")]
    NoContainer(#[from] NoContainer),
    /// The service is in no state to be rolled.
    #[error("{0}. Nothing was changed")]
    Blocked(#[from] Blocked),
    /// Something else keeps it from being done.
    #[error("{0}. Nothing was changed")]
    Refused(String),
    /// It failed, and what ran before runs again.
    #[error("{service} was not deployed: {reason}. {to} runs again{evidence}")]
    RolledBack {
        /// `cluster/service`.
        service: String,
        /// Why.
        reason: String,
        /// What runs again.
        to: String,
        /// Why tasks stopped: lines, or nothing.
        evidence: String,
    },
    /// It failed, and what runs is not simply what ran before.
    #[error("{service} was not deployed, and what ran before does not simply run again: {reason}{evidence}\n  {next}")]
    Mixed {
        /// `cluster/service`.
        service: String,
        /// Why.
        reason: String,
        /// Why tasks stopped: lines, or nothing.
        evidence: String,
        /// What to do.
        next: String,
    },
    /// Another deployment came after it.
    #[error(
        "{service}: this deployment was superseded by {by}. Whether that one succeeds is for whoever started it to say; see it with {next}"
    )]
    Superseded {
        /// `cluster/service`.
        service: String,
        /// The other one.
        by: String,
        /// How to see it.
        next: String,
    },
    /// Time is up.
    #[error(
        "time is up after {seconds} s, and {service} is still rolling. It goes on without this command.\n  to wait longer: {go_on}\n  to undo:        {undo}"
    )]
    Rolling {
        /// `cluster/service`.
        service: String,
        /// How long was waited.
        seconds: u64,
        /// How to wait longer.
        go_on: String,
        /// How to undo.
        undo: String,
    },
    /// Ctrl-C, or a CI system that cancels its job.
    #[error(
        "interrupted: {service} goes on rolling without this command.\n  to go on waiting: {go_on}\n  to undo:          {undo}"
    )]
    Left {
        /// `cluster/service`.
        service: String,
        /// How to go on.
        go_on: String,
        /// How to undo.
        undo: String,
    },
    /// A call failed after the service was changed.
    #[error(
        "{source}\n  {service} goes on rolling without this command.\n  to go on waiting: {go_on}\n  to undo:          {undo}"
    )]
    Blind {
        /// `cluster/service`.
        service: String,
        /// The call.
        source: AwsFailure,
        /// How to go on.
        go_on: String,
        /// How to undo.
        undo: String,
    },
    /// A release failed, and what ran before runs again everywhere.
    #[error("release {release} was not made: {reason}. Everything is as before")]
    ReleaseUndone {
        /// The release.
        release: String,
        /// Why.
        reason: String,
    },
    /// A release failed, and not everything is as before.
    #[error(
        "release {release} was not made, and not everything is as before: {reason}. The same command again goes on with the undo. \
         To look at members, or take them back, one by one:{commands}"
    )]
    ReleaseMixed {
        /// The release.
        release: String,
        /// Why.
        reason: String,
        /// A line for each member.
        commands: String,
    },
    /// Time is up for a release.
    #[error(
        "time is up after {seconds} s, and release {release} is still rolling. It goes on without this command; the same command again \
         waits for it, and with --undo it takes it back"
    )]
    ReleaseRolling {
        /// The release.
        release: String,
        /// How long was waited.
        seconds: u64,
    },
    /// Ctrl-C, or a CI system that cancels its job.
    #[error(
        "interrupted: release {release} stays where it is, and ECS goes on rolling. The same command again goes on, and with --undo it \
         takes the release back"
    )]
    ReleaseLeft {
        /// The release.
        release: String,
    },
    /// A one-off task failed.
    #[error("{0}")]
    Task(String),
    /// Time is up, and a one-off task still runs.
    #[error("{0}")]
    StillRuns(String),
    /// A file of results cannot be written.
    #[error("{file} cannot be written ({reason}); the roll itself is as it was said")]
    Results {
        /// The file.
        file: String,
        /// The system's reason.
        reason: String,
    },
}

impl RollFailure {
    /// The exit code.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Template { .. } | Self::Unregistrable(_) | Self::NoContainer(_) => Exit::Input,
            Self::Blocked(_) | Self::Refused(_) => Exit::Refused,
            Self::RolledBack { .. } | Self::ReleaseUndone { .. } => Exit::RolledBack,
            Self::Mixed { .. } | Self::Superseded { .. } | Self::ReleaseMixed { .. } => Exit::Mixed,
            Self::Rolling { .. } | Self::StillRuns(_) | Self::ReleaseRolling { .. } => Exit::Rolling,
            Self::Blind { source, .. } => match source.class {
                Class::Permission => Exit::Permission,
                Class::Transient | Class::NotFound | Class::Permanent => Exit::Unavailable,
            },
            Self::Task(_) => Exit::Task,
            Self::Left { .. } | Self::ReleaseLeft { .. } | Self::Results { .. } => Exit::Other,
        }
    }
}
