//! What a person and the pipeline are told at the end: who is live, what runs there, what was done.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::intent::Promotion;
use crate::plan::Plan;
use crate::topology::{IMAGE, TargetGroup, Topology};

/// The most characters of a summary that CodePipeline takes (`executionDetails.summary`).
pub const SUMMARY_LIMIT: usize = 2048;
/// The most characters of a failure message that CodePipeline takes (`failureDetails.message`).
pub const MESSAGE_LIMIT: usize = 5000;

/// How a flip or a check ended; serialised, it is the answer to a direct invocation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Report {
    /// The flip id.
    pub flip: String,
    /// Who is live: the Identifier, else the group's name; several comma-separated.
    pub live: String,
    /// The image tag that is live, by the group's tag; `unknown` where it has none.
    pub live_image: String,
    /// Who is on the test port.
    pub test: String,
    /// The image tag on the test port, by the group's tag.
    pub test_image: String,
    /// Whether this flip moved live traffic, in this delivery or an earlier one.
    pub changed: bool,
    /// What happened, in sentences.
    pub summary: String,
}

impl Report {
    /// The report on a topology as it is when the job ends.
    #[must_use]
    pub fn new(
        flip: &str,
        topology: &Topology,
        promotions: &[Promotion],
        live_is_promoted: bool,
        changed: bool,
        summary: String,
    ) -> Self {
        let groups = |promoted: bool| -> Vec<&TargetGroup> {
            let arn = |promotion: &Promotion| if promoted { promotion.promoted.clone() } else { promotion.retired.clone() };
            promotions.iter().filter_map(|promotion| topology.groups.get(&arn(promotion))).collect()
        };
        let (live, test) = (groups(live_is_promoted), groups(!live_is_promoted));
        let join = |groups: &[&TargetGroup], read: fn(&TargetGroup) -> &str| {
            groups.iter().map(|group| read(group)).collect::<Vec<_>>().join(",")
        };
        Self {
            flip: flip.to_owned(),
            live: join(&live, TargetGroup::short),
            live_image: join(&live, image),
            test: join(&test, TargetGroup::short),
            test_image: join(&test, image),
            changed,
            summary: clip(&summary, SUMMARY_LIMIT),
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
        ])
    }
}

fn image(group: &TargetGroup) -> &str {
    group.tag(IMAGE).unwrap_or("unknown")
}

/// At most `limit` characters of a text, with `…` where it was cut.
#[must_use]
pub fn clip(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    text.chars().take(limit.saturating_sub(1)).chain(['…']).collect()
}

/// How many pairs are told one by one; more would leave no room in the summary for anything else.
const TOLD_EACH: usize = 3;

/// The sentences about a flip that was made, or that had nothing to do.
#[must_use]
pub fn flipped(topology: &Topology, plan: &Plan) -> String {
    let few = plan.promotions.len() <= TOLD_EACH;
    let mut sentences = Vec::new();
    if few {
        let live = |promotion: &Promotion| {
            let (live, test) = (topology.describe(&promotion.promoted), topology.describe(&promotion.retired));
            format!("{live} is live, {test} is on the test port.")
        };
        sentences.extend(plan.promotions.iter().map(live));
    } else {
        sentences.push(format!("{} target groups are live, their partners on the test port.", plan.promotions.len()));
    }
    let finished: BTreeSet<&String> = plan.promotions.iter().filter_map(|promotion| promotion.finishes.as_ref()).collect();
    sentences.extend(finished.iter().map(|other| format!("This finished flip {other}, which was left half-done.")));
    sentences.push(match (plan.rules().count(), plan.changes) {
        (0, true) => "The traffic had been moved by an earlier delivery of this flip.".to_owned(),
        (0, false) => "It was live already: nothing to do.".to_owned(),
        (1, _) => "1 rule was changed.".to_owned(),
        (rules, _) => format!("{rules} rules were changed."),
    });
    sentences.extend(plan.notes.iter().map(|note| format!("{note}.")));
    if !few {
        sentences.push(format!("Live: {}.", promoted(topology, plan)));
    }
    sentences.join(" ")
}

/// The promoted groups with their images.
fn promoted(topology: &Topology, plan: &Plan) -> String {
    let groups = plan.promotions.iter().filter_map(|promotion| topology.group(&promotion.promoted));
    groups.map(|group| format!("{} (image {})", topology.short(&group.arn), image(group))).collect::<Vec<_>>().join(", ")
}

/// The sentences about a flip that would be made: what the approver reads.
#[must_use]
pub fn would_flip(topology: &Topology, plan: &Plan) -> String {
    let mut sentences = Vec::new();
    if plan.promotions.len() <= TOLD_EACH {
        sentences.extend(plan.promotions.iter().flat_map(|promotion| would_promote(topology, plan, promotion)));
        sentences.extend(plan.rules().map(|write| format!("{write}.")));
        sentences.extend(plan.notes.iter().map(|note| format!("{note}.")));
    } else {
        let (pairs, rules) = (plan.promotions.len(), plan.rules().count());
        sentences.push(format!("A flip would change {rules} rules, so that {pairs} target groups are live."));
        sentences.extend(plan.notes.iter().map(|note| format!("{note}.")));
        sentences.push(format!("Live would be: {}.", promoted(topology, plan)));
    }
    sentences.join(" ")
}

fn would_promote(topology: &Topology, plan: &Plan, promotion: &Promotion) -> Vec<String> {
    let (promoted, retired) = (topology.describe(&promotion.promoted), topology.describe(&promotion.retired));
    if !plan.moves(promotion) {
        return vec![format!("{promoted} is live already: a flip would change nothing.")];
    }
    let healthy = |arn: &str| topology.group(arn).map_or(0, TargetGroup::healthy);
    vec![
        format!("A flip would make {promoted} live; {retired} would move to the test port."),
        format!("Healthy targets: {} against {} that serve now.", healthy(&promotion.promoted), healthy(&promotion.retired)),
    ]
}
