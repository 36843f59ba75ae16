//! What people and the pipeline read at the end: who is live, what runs there, what was done.

pub mod brief;
pub mod foresee;
pub mod not_made;
pub mod states;
pub mod would;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::asked::words::is_word;
use crate::seen::group::{IMAGE, TargetGroup};
use crate::seen::topology::Topology;

/// The most characters of a summary that CodePipeline takes (`executionDetails.summary`).
pub const SUMMARY_LIMIT: usize = 2048;
/// The most characters of a failure message that CodePipeline takes (`failureDetails.message`).
pub const MESSAGE_LIMIT: usize = 5000;
/// How many pairs are described one by one; more would leave no room in the summary for anything else.
const ONE_BY_ONE: usize = 3;
/// What an image is called that no tag names.
pub(crate) const UNKNOWN: &str = "unknown";

/// The two sides of a pair, by ARN, as they are when a job ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sides {
    /// The group that is live.
    pub live: String,
    /// The group on the test port.
    pub test: String,
}

/// How a flip or a check ended; serialised, it is the answer to a direct invocation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Report {
    /// The flip id.
    pub flip: String,
    /// Who is live, as `PromoteTo` takes it: the Identifier, or the group's name where it has none, or one that is no single
    /// word, or another group has the same; several comma-separated.
    pub live: String,
    /// The image tag that is live, by the group's tag; `unknown` where it has none.
    pub live_image: String,
    /// Who is on the test port.
    pub test: String,
    /// The image tag on the test port, by the group's tag.
    pub test_image: String,
    /// Whether this flip wrote a rule, in this delivery or an earlier one.
    pub changed: bool,
    /// What happened, in sentences.
    pub summary: String,
    /// What an approver reads: the difference, in at most 900 characters.
    pub brief: String,
}

impl Report {
    /// The report on a topology as it is when the job ends.
    #[must_use]
    pub fn new(flip: &str, topology: &Topology, sides: &[Sides], changed: bool, summary: &str) -> Self {
        // What PromoteTo does not take as one word is called by its group's name.
        let name = |arn: &'_ str| match topology.short(arn) {
            word if is_word(word) => word.to_owned(),
            _ => topology.group(arn).map_or(arn, |group| &group.name).to_owned(),
        };
        let names = |arns: &[&String]| arns.iter().map(|arn| name(arn)).collect::<Vec<_>>().join(",");
        let images =
            |arns: &[&String]| arns.iter().map(|arn| topology.group(arn).map_or(UNKNOWN, image)).collect::<Vec<_>>().join(",");
        let (live, test): (Vec<&String>, Vec<&String>) = sides.iter().map(|sides| (&sides.live, &sides.test)).unzip();
        Self {
            flip: flip.to_owned(),
            live: names(&live),
            live_image: images(&live),
            test: names(&test),
            test_image: images(&test),
            changed,
            summary: clip(summary, SUMMARY_LIMIT),
            brief: clip(summary, brief::LIMIT),
        }
    }

    /// The output variables of the pipeline's action.
    #[must_use]
    pub fn variables(&self) -> BTreeMap<&'static str, String> {
        BTreeMap::from([
            ("Live", self.live.clone()),
            ("LiveImage", self.live_image.clone()),
            ("Test", self.test.clone()),
            ("TestImage", self.test_image.clone()),
            ("Changed", self.changed.to_string()),
            ("Summary", self.summary.clone()),
            ("Brief", self.brief.clone()),
        ])
    }
}

fn image(group: &TargetGroup) -> &str {
    group.tag(IMAGE).unwrap_or(UNKNOWN)
}

/// At most `limit` characters of a text, with `…` where it was cut.
#[must_use]
pub fn clip(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    text.chars().take(limit.saturating_sub(1)).chain(['…']).collect()
}

/// What was done, in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    /// How many rules this delivery wrote.
    pub rules: usize,
    /// Whether this flip moved the traffic, now or in an earlier delivery.
    pub changed: bool,
}

/// The sentences about a flip that was made, or that had nothing to do.
#[must_use]
pub fn flipped(topology: &Topology, sides: &[Sides], done: Done, notes: &[String]) -> String {
    let few = sides.len() <= ONE_BY_ONE;
    let mut sentences = Vec::new();
    if few {
        let live = |sides: &Sides| {
            format!("{} is live, {} is on the test port.", topology.describe(&sides.live), topology.describe(&sides.test))
        };
        sentences.extend(sides.iter().map(live));
    } else {
        sentences.push(format!("{} target groups are live, their partners on the test port.", sides.len()));
    }
    sentences.push(match done {
        Done { rules: 0, changed: true } => "The traffic had been moved by an earlier delivery of this flip.".to_owned(),
        Done { rules: 0, changed: false } => "No-op: it was live already.".to_owned(),
        Done { rules: 1, .. } => format!("1 rule was changed. {LAG}"),
        Done { rules, .. } => format!("{rules} rules were changed. {LAG}"),
    });
    sentences.extend(notes.iter().map(|note| format!("{note}.")));
    if !few {
        sentences.push(format!("Live: {}.", names(topology, sides)));
    }
    sentences.join(" ")
}

/// The load balancer gathers changes before it deploys them to its nodes (aws-load-balancer-controller#4039).
const LAG: &str = "New requests follow within about a minute.";

/// The live groups with their images.
fn names(topology: &Topology, sides: &[Sides]) -> String {
    let groups = sides.iter().filter_map(|sides| topology.group(&sides.live));
    groups.map(|group| format!("{} (image {})", topology.short(&group.arn), image(group))).collect::<Vec<_>>().join(", ")
}
