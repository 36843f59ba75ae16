//! Why a flip is refused: data with its numbers, and the wording that people read.

use std::fmt;

use serde::Serialize;

use crate::seen::companion::COMPANIONS;
use crate::seen::names::{Names, PARAMETERS};

/// Why a flip is refused. CodePipeline gets JobFailed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Refusal {
    /// The promoted group has no healthy target.
    NoHealthyTarget {
        /// The promoted group.
        group: String,
        /// How many targets it has.
        registered: usize,
        /// How many must be healthy.
        required: usize,
        /// The states its targets are in, with their numbers.
        states: Vec<String>,
    },
    /// The promoted group is too small for the traffic.
    TooSmall {
        /// The promoted group.
        group: String,
        /// Its healthy targets.
        promoted: usize,
        /// The retired group's healthy targets.
        retired: usize,
        /// How many are required.
        required: usize,
        /// The percentage that was asked for.
        percent: u8,
    },
    /// A service that the promoted group names as its companion is not steady.
    Companion {
        /// The promoted group.
        group: String,
        /// The companion: `cluster/service`.
        companion: String,
        /// What is wrong with it.
        found: String,
    },
    /// The promoted group's Companions tag cannot be read.
    CompanionsTag {
        /// The promoted group.
        group: String,
        /// The tag's value.
        tag: String,
        /// The word of it that names no service.
        word: String,
    },
    /// The promoted group does not run the image that was approved.
    WrongImage {
        /// The promoted group.
        group: String,
        /// The image tag it runs, where its tag says.
        found: Option<String>,
        /// The image tag that was asked for.
        wanted: String,
    },
    /// Another execution is rebuilding the promoted group.
    Fenced {
        /// The promoted group.
        group: String,
        /// The execution that rebuilds it.
        by: String,
        /// The image that it brings.
        image: String,
        /// Since when.
        since: String,
        /// The execution that asked for the flip, where it said so.
        asked_by: Option<String>,
    },
    /// A rule shares its traffic between groups, gives none of them any, or serves a group that is not of the pair.
    Shared {
        /// The rule.
        rule: String,
        /// Each group's weight.
        weights: String,
    },
    /// The rules disagree, and the request does not name a group.
    Unclear {
        /// Each rule with the group it serves.
        rules: Vec<String>,
        /// What PromoteTo may say.
        choices: Vec<String>,
    },
    /// There is no room for the records of a flip.
    NoRoom {
        /// The group.
        group: String,
        /// How many more tags it takes.
        free: usize,
        /// How many are needed.
        needed: usize,
    },
    /// Another pair of the same request is not flipped, so this one is not either.
    Together {
        /// The group that was to become live.
        group: String,
    },
}

impl Refusal {
    /// What was found, what was expected and what to do next, with the settings called by these names.
    #[must_use]
    pub fn words(&self, names: &Names) -> String {
        let Names { promote_to, promote_image, min_capacity, pass_execution, .. } = names;
        match self {
            Self::NoHealthyTarget { group, registered, required, states } => {
                let states = if states.is_empty() { String::new() } else { format!(": {}", states.join(", ")) };
                let next = match states.contains("Target.HealthCheckDisabled") {
                    true => "Its health checks are off: turn them on, or pass over them with Force",
                    false => "Look at its service's events and health check",
                };
                format!(
                    "{group} has no healthy target ({registered} registered{states}); at least {required} must be healthy before it \
                     may take the traffic. {next}, then approve again"
                )
            }
            Self::TooSmall { group, promoted, retired, required, percent } => format!(
                "{group} has too few healthy targets: {promoted}, where {required} are required ({percent} % of the {retired} that \
                 serve now). Scale its service up, or lower {min_capacity}, then approve again"
            ),
            Self::Companion { group, companion, found } => format!(
                "the companion {companion} of {group} {found}; expected a service with all of its tasks running, and no deployment \
                 in progress or failed. Look at that service's events, or correct the tag {COMPANIONS}, then approve again"
            ),
            Self::CompanionsTag { group, tag, word } => format!(
                "the {COMPANIONS} tag of {group} is {tag:?}: {word:?} names no service; expected cluster/service, several separated \
                 by spaces. Correct the tag, then approve again"
            ),
            Self::WrongImage { group, found: Some(found), wanted } => format!(
                "{group} runs {found}, but {promote_image} asks for {wanted}. Another build went to the test side meanwhile: release \
                 that image again, or approve the new one"
            ),
            Self::WrongImage { group, found: None, wanted } => format!(
                "{group} runs an image that no Image tag names, but {promote_image} asks for {wanted}. Set the group's Image tag to \
                 the image tag that it runs, or its Service tag and run a check, which reads it from ECS"
            ),
            Self::Fenced { group, by, image, since, asked_by } => format!(
                "{group} is being rebuilt with image {image} by execution {by} since {since}: the version that was there is gone \
                 from that side. {}",
                beside_the_fence(by, image, asked_by.is_some(), pass_execution)
            ),
            Self::Shared { rule, weights } => format!(
                "{rule} shares its traffic: {weights}; expected one group of the pair with all of it. Where somebody is shifting \
                 traffic by weight, finish that first: 100 for one group, 0 for the others"
            ),
            Self::Unclear { rules, choices } => format!(
                "the rules disagree about which version is live: {}. Say which one is to be live everywhere with {promote_to}: {}",
                rules.join("; "),
                choices.join(" or ")
            ),
            Self::NoRoom { group, free, needed } => format!(
                "{group} has room for {free} more tags, and a flip needs {needed}: AWS takes 50 tags a target group. Remove tags from \
                 it first (`deployer status` shows old records, the others are yours)"
            ),
            Self::Together { group } => {
                format!("{group} was not made live, since another pair of target groups of this request was refused")
            }
        }
    }
}

/// What to do next where a fence stands: it depends on whether the request said whose it is.
fn beside_the_fence(by: &str, image: &str, says_whose: bool, pass_execution: &str) -> String {
    match says_whose {
        true => format!(
            "To release {image}, approve execution {by}; to go back to an earlier image, release that image again; if {by} will \
             never finish, run `deployer unfence`"
        ),
        false => format!(
            "If this is execution {by}, {pass_execution}; otherwise release the wanted image again, or run `deployer unfence` if \
             {by} will never finish"
        ),
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words(&PARAMETERS))
    }
}

impl std::error::Error for Refusal {}
