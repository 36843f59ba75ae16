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
    /// The command that mends it.
    pub mend: Option<String>,
    /// Where a person must decide first: the command that shows what there is to decide on.
    pub look: Option<String>,
}

impl Finding {
    /// Something that blocks.
    #[must_use]
    pub fn blocks(what: String, mend: String) -> Self {
        Self { severity: Severity::Blocks, what, mend: Some(mend), look: None }
    }

    /// Something to look at.
    #[must_use]
    pub fn warns(what: String, mend: String) -> Self {
        Self { severity: Severity::Warns, what, mend: Some(mend), look: None }
    }

    /// The same where no command mends it: a person looks, and decides.
    #[must_use]
    pub fn by_looking(self) -> Self {
        Self { look: self.mend, mend: None, ..self }
    }

    /// Something good to know.
    #[must_use]
    pub fn notes(what: String) -> Self {
        Self { severity: Severity::Notes, what, mend: None, look: None }
    }
}
