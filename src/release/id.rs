//! Who asks: what makes two deliveries the same flip, and what makes them the same job.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::asked::words::{MAX_ID, is_word};

/// The most characters of a job id. CodePipeline's and Lambda's are UUIDs of 36.
pub const MAX_JOB: usize = 64;

/// Sixteen hexadecimal digits of a SHA-256: what a tag key holds of an id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(String);

impl Digest {
    /// How many digits.
    pub const LENGTH: usize = 16;

    /// The digest of a text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).iter().take(Self::LENGTH / 2).map(|byte| format!("{byte:02x}")).collect())
    }

    /// Reads the sixteen digits; none where it is something else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        (text.len() == Self::LENGTH && text.chars().all(digits)).then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What makes two deliveries the same flip.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlipId(String);

impl FlipId {
    /// From `Execution`, or else from the job's or the request's id. The names of `PromoteTo` take part, since one
    /// execution may flip there and back again.
    #[must_use]
    pub fn new(origin: &str, promote_to: &[String]) -> Self {
        if promote_to.is_empty() {
            return Self(origin.to_owned());
        }
        let mut names = promote_to.to_vec();
        names.sort_unstable();
        let names = Digest::of(&names.join(","));
        Self(format!("{origin}@{}", names.0.get(..8).unwrap_or_default()))
    }

    /// Reads an id from a record: one word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        (is_word(text) && text.len() <= MAX_ID + 9).then(|| Self(text.to_owned()))
    }

    /// Whether it is a flip of this pipeline execution, whatever its `PromoteTo` named.
    #[must_use]
    pub fn is_of(&self, execution: &str) -> bool {
        let named = |rest: &str| rest.len() == 9 && rest.starts_with('@') && rest.chars().skip(1).all(|c| c.is_ascii_hexdigit());
        self.0.strip_prefix(execution).is_some_and(|rest| rest.is_empty() || named(rest))
    }

    /// The id as it stands in a record.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What a tag key holds of it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.0)
    }
}

impl fmt::Display for FlipId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who asks, in one delivery of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asker {
    /// The flip: the same for every delivery and every Retry.
    pub flip: FlipId,
    /// The CodePipeline job id, or the Lambda request id of a direct call: the same for every delivery of one event.
    pub job: String,
}

impl Asker {
    /// The flip id of `execution` where given, else of the job.
    #[must_use]
    pub fn new(execution: Option<&str>, promote_to: &[String], job: &str) -> Self {
        Self { flip: FlipId::new(execution.unwrap_or(job), promote_to), job: job.to_owned() }
    }
}
