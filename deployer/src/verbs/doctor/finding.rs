//! What the doctor finds.

use std::fmt;

use serde::Serialize;

/// How bad it is; the worst sorts first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// A flip or a build would be refused.
    Blocks,
    /// It works, but somebody should look.
    Warns,
    /// Good to know.
    Notes,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Blocks => "blocks",
            Self::Warns => "warns",
            Self::Notes => "note",
        })
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What was found and what was expected, a sentence without its full stop.
    pub what: String,
    /// The command that fixes it.
    pub fix: Option<String>,
    /// Where a person must decide first: the command that shows what there is to decide on.
    pub look: Option<String>,
}

impl Finding {
    /// Something that blocks.
    #[must_use]
    pub fn blocks(what: String, fix: String) -> Self {
        Self { severity: Severity::Blocks, what, fix: Some(fix), look: None }
    }

    /// Something to look at.
    #[must_use]
    pub fn warns(what: String, fix: String) -> Self {
        Self { severity: Severity::Warns, what, fix: Some(fix), look: None }
    }

    /// The same where no command fixes it: a person looks, and decides.
    #[must_use]
    pub fn by_looking(self) -> Self {
        Self { look: self.fix, fix: None, ..self }
    }

    /// Something good to know.
    #[must_use]
    pub fn notes(what: String) -> Self {
        Self { severity: Severity::Notes, what, fix: None, look: None }
    }
}
