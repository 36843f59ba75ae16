//! Who released what when, how long it was live, and who took it back: flips and rolling updates as one list, from what AWS
//! still knows of them. It decides nothing.
//!
//! - a pipeline's executions and actions (CodePipeline keeps 12 months): flips, and who approved them
//! - the records on target groups: the last flips, those of direct calls among them
//! - ECS's service deployments (90 days), and who registered their task definitions

pub mod flips;
pub mod pipeline;
pub mod rolls;
mod sequence;
mod words;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use sequence::sequence;
pub use words::span;

/// How a version came to be live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// The target groups of the live and the test port changed places.
    Flip,
    /// ECS replaced the tasks of a service.
    Roll,
}

/// What became of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It is live.
    Live,
    /// A later release replaced it.
    Replaced,
    /// A later release brought back what it had replaced.
    TakenBack,
    /// It was not made, or undone by itself.
    Failed,
    /// It is under way.
    UnderWay,
}

impl Outcome {
    /// As people read it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Replaced => "replaced",
            Self::TakenBack => "taken back",
            Self::Failed => "failed",
            Self::UnderWay => "under way",
        }
    }
}

/// One release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// The load balancer, or `cluster/service`.
    pub what: String,
    /// How.
    pub way: Way,
    /// The image tag; none where nothing tells it any more.
    pub version: Option<String>,
    /// The version it replaced.
    pub replaced: Option<String>,
    /// The target group's Identifier, or the task definition's `family:revision`.
    pub place: String,
    /// Who approved or started it; none where AWS does not tell.
    pub by: Option<String>,
    /// The flip's id, or the service deployment's.
    pub id: String,
    /// When it was made, or ended otherwise.
    pub at: Timestamp,
    /// What became of it.
    pub outcome: Outcome,
    /// Until when it was live.
    pub until: Option<Timestamp>,
    /// Who took it back.
    pub taken_back_by: Option<String>,
    /// Why it failed.
    pub reason: Option<String>,
}

impl Release {
    /// How long it was live, or has been until `now`.
    #[must_use]
    pub fn live_for(&self, now: Timestamp) -> Option<jiff::SignedDuration> {
        match self.outcome {
            Outcome::Live => Some(now.duration_since(self.at)),
            Outcome::Replaced | Outcome::TakenBack => Some(self.until?.duration_since(self.at)),
            Outcome::Failed | Outcome::UnderWay => None,
        }
    }

    /// The last column of a table: what became of it, and by whom or why.
    #[must_use]
    pub fn afterwards(&self) -> String {
        let word = self.outcome.word();
        match (self.outcome, &self.taken_back_by, &self.reason) {
            (Outcome::TakenBack, Some(by), _) => format!("{word} by {by}"),
            (Outcome::Failed, _, Some(reason)) => format!("{word}: {reason}"),
            _ => word.to_owned(),
        }
    }
}
