//! Why a flip is refused: data with its numbers, and the wording that people read.

use serde::Serialize;
use thiserror::Error;

/// Why a flip is refused. CodePipeline gets JobFailed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Error)]
pub enum Refusal {
    /// The promoted group has no healthy target.
    #[error("{group} has no healthy target ({registered} registered{}); at least {required} must be healthy before it may take the traffic. Look at its service's events and health check, then approve again", listed(.states))]
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
    #[error(
        "{group} has too few healthy targets: {promoted}, where {required} are required ({percent} % of the {retired} that serve now). Scale its service up, or lower MinCapacity, then approve again"
    )]
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
    /// The promoted group does not run the image that was approved.
    #[error("{group} runs {}, but PromoteImage asks for {wanted}. {}", .found.as_deref().unwrap_or("an image that no Image tag names"), other_image(.found))]
    WrongImage {
        /// The promoted group.
        group: String,
        /// The image tag it runs, where its tag says.
        found: Option<String>,
        /// The image tag that was asked for.
        wanted: String,
    },
    /// Another execution is rebuilding the promoted group.
    #[error("{group} is being rebuilt with image {image} by execution {by} since {since}: the version that was there is gone from that side. {}", fenced(.asked_by, by, image))]
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
    #[error(
        "{rule} shares its traffic: {weights}; expected one group of the pair with all of it. Where somebody is shifting traffic by weight, finish that first: 100 for one group, 0 for the others"
    )]
    Shared {
        /// The rule.
        rule: String,
        /// Each group's weight.
        weights: String,
    },
    /// The rules disagree, and nothing says which group is meant.
    #[error("the rules disagree about which version is live: {}. Say which one is to be live everywhere with PromoteTo: {}", .rules.join("; "), .choices.join(" or "))]
    Unclear {
        /// Each rule with the group it serves.
        rules: Vec<String>,
        /// What PromoteTo may say.
        choices: Vec<String>,
    },
    /// There is no room for the records of a flip.
    #[error(
        "{group} has room for {free} more tags, and a flip needs {needed}: AWS takes 50 tags a target group. Remove tags from it first (`deployer status` shows old records, the others are yours)"
    )]
    NoRoom {
        /// The group.
        group: String,
        /// How many more tags it takes.
        free: usize,
        /// How many are needed.
        needed: usize,
    },
    /// Another pair of the same request is not flipped, so this one is not either.
    #[error("{group} was not made live, since another pair of target groups of this request was refused")]
    Together {
        /// The group that was to become live.
        group: String,
    },
}

fn other_image(found: &Option<String>) -> &'static str {
    match found {
        Some(_) => "Another build went to the test side meanwhile: release that image again, or approve the new one",
        None => {
            "Set the group's Image tag to the image tag that it runs, or its Service tag and run a check, which reads it from ECS"
        }
    }
}

fn listed(states: &[String]) -> String {
    if states.is_empty() { String::new() } else { format!(": {}", states.join(", ")) }
}

fn fenced(asked_by: &Option<String>, by: &str, image: &str) -> String {
    match asked_by {
        Some(_) => format!(
            "To release {image}, approve execution {by}; to go back to an earlier image, release that image again; if {by} will never finish, \
             run `deployer unfence`"
        ),
        None => format!(
            "If this is execution {by}, pass \"Execution\":\"#{{codepipeline.PipelineExecutionId}}\" in UserParameters; otherwise release the \
             wanted image again, or run `deployer unfence` if {by} will never finish"
        ),
    }
}
