//! The fence: a tag that says that a group is being rebuilt, so that nobody else promotes it.

use std::fmt;

use jiff::Timestamp;

use crate::asked::words::is_word;
use crate::seen::group::TargetGroup;

/// Tag key of the fence.
pub const BUILD: &str = "bluegreen:build";
/// The fence's value where there is none.
pub const NO_FENCE: &str = "-";

/// A fence: the group is being rebuilt by a pipeline execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence {
    /// The execution that rebuilds it.
    pub execution: String,
    /// The image tag that it brings.
    pub image: String,
    /// Since when.
    pub time: Timestamp,
}

impl Fence {
    /// The fence around a group.
    #[must_use]
    pub fn of(group: &TargetGroup) -> Option<Self> {
        Self::parse(group.tags.get(BUILD)?)
    }

    /// Reads a `bluegreen:build` tag; none where it is `-` or not a fence.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split(' ').collect();
        let [version, execution, image, time] = words.try_into().ok()?;
        let words = [version, execution, image, time].into_iter().all(is_word);
        (words && version == "v1").then_some(())?;
        Some(Self { execution: execution.to_owned(), image: image.to_owned(), time: time.parse().ok()? })
    }
}

impl fmt::Display for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v1 {} {} {}", self.execution, self.image, self.time)
    }
}
