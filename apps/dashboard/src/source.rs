//! Where rows come from: GitLab, or made-up projects.

use async_trait::async_trait;

use crate::model::{Project, Row};

/// Why something could not be read. The text is for people and has no secret in it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{text}")]
pub struct Unread {
    /// What was asked, what came, what to do.
    pub text: String,
    /// Whether other projects would fail the same way: the source is down, or refuses the token.
    pub everywhere: bool,
    /// Whether the answer was "there is no such thing" (404).
    pub missing: bool,
    /// Whether the answer was "this token may not" (401 or 403).
    pub refused: bool,
}

impl Unread {
    /// A failure of one thing alone.
    pub fn here(text: impl Into<String>) -> Unread {
        Unread { text: text.into(), everywhere: false, missing: false, refused: false }
    }

    /// A failure that every other thing would meet as well.
    pub fn everywhere(text: impl Into<String>) -> Unread {
        Unread { everywhere: true, ..Unread::here(text) }
    }
}

/// A place that knows projects.
#[async_trait]
pub trait Source: Send + Sync {
    /// The projects to show, in no order.
    async fn projects(&self) -> Result<Vec<Project>, Unread>;

    /// A project's row. What was read `earlier` saves requests; `full` reads everything anew.
    async fn read(&self, project: &Project, earlier: Option<&Row>, full: bool) -> Result<Row, Unread>;

    /// How many commits `to` has that `from` lacks; none where the source cannot say.
    async fn commits(&self, project: u64, from: &str, to: &str) -> Result<Option<u32>, Unread>;

    /// How many requests were sent since the start.
    fn requests(&self) -> u64;
}
