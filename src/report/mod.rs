//! What a person and the pipeline are told at the end: who is live, what runs there, what was done.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::plan::labels::is_live;
use crate::plan::{Plan, Write};
use crate::release::guard::pair_of;
use crate::release::intent::Promotion;
use crate::seen::topology::{ActionKind, IMAGE, TargetGroup, Topology};
use crate::seen::twins::Survey;

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
    /// Who is live, as `PromoteTo` takes it: the Identifier, or the group's name where it has none or another group has
    /// the same; several comma-separated.
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
}

impl Report {
    /// The report on a topology as it is when the job ends.
    #[must_use]
    pub fn new(flip: &str, topology: &Topology, promotions: &[Promotion], changed: bool, summary: String) -> Self {
        Self::told(flip, topology, promotions, |_| true, changed, summary)
    }

    /// The report of a check, which moves nothing: who is live is asked promotion by promotion. Where the rules of one
    /// disagree, it is told as it was before the flip that left them so.
    #[must_use]
    pub fn of_check(flip: &str, topology: &Topology, survey: &Survey<'_>, promotions: &[Promotion], summary: String) -> Self {
        Self::told(flip, topology, promotions, |promotion| serves(survey, promotion) == Some(true), false, summary)
    }

    fn told(
        flip: &str,
        topology: &Topology,
        promotions: &[Promotion],
        live_is_promoted: impl Fn(&Promotion) -> bool,
        changed: bool,
        summary: String,
    ) -> Self {
        let sides = promotions.iter().map(|promotion| match live_is_promoted(promotion) {
            true => (promotion.promoted.as_str(), promotion.retired.as_str()),
            false => (promotion.retired.as_str(), promotion.promoted.as_str()),
        });
        let (live, test): (Vec<&str>, Vec<&str>) = sides.unzip();
        let names = |arns: &[&str]| arns.iter().map(|arn| topology.short(arn)).collect::<Vec<_>>().join(",");
        let images =
            |arns: &[&str]| arns.iter().map(|arn| topology.group(arn).map_or(UNKNOWN, image)).collect::<Vec<_>>().join(",");
        Self {
            flip: flip.to_owned(),
            live: names(&live),
            live_image: images(&live),
            test: names(&test),
            test_image: images(&test),
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

/// What stands for an image that no tag tells.
const UNKNOWN: &str = "unknown";

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
pub fn would_flip(topology: &Topology, survey: &Survey<'_>, plan: &Plan) -> String {
    let mut sentences = Vec::new();
    if plan.promotions.len() <= TOLD_EACH {
        for promotion in &plan.promotions {
            sentences.push(would_promote(topology, survey, plan, promotion));
            if change(survey, plan, promotion) == Change::Live {
                let healthy = |arn: &str| topology.group(arn).map_or(0, TargetGroup::healthy);
                let (promoted, retired) = (healthy(&promotion.promoted), healthy(&promotion.retired));
                sentences.push(format!("Healthy targets: {promoted} against {retired} that serve now."));
            }
        }
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

/// What a flip would change for one of its promotions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// The live traffic moves.
    Live,
    /// The promoted group is live by weight; clients that are bound to the retired one move.
    Bound,
    /// Only what is on the test port.
    Test,
    /// No rule, only labels.
    Labels,
    /// Neither a rule nor a label.
    Nothing,
}

/// What a plan would change for one of its promotions, as the rules are now.
#[must_use]
pub fn change(survey: &Survey<'_>, plan: &Plan, promotion: &Promotion) -> Change {
    let (promoted, retired) = (&promotion.promoted, &promotion.retired);
    let turns = |write: &Write| match write {
        Write::Actions { actions, .. } => {
            actions.iter().any(|action| matches!(&action.kind, ActionKind::Forward(forward) if forward.serves_only(promoted)))
        }
        Write::Tag { .. } => false,
    };
    let labels =
        |write: &Write| matches!(write, Write::Tag { groups, .. } if groups.contains(promoted) || groups.contains(retired));
    match serves(survey, promotion) {
        Some(true) if plan.live.iter().any(turns) => Change::Bound,
        Some(true) if plan.moves(promotion) => Change::Test,
        Some(true) if plan.rest.iter().any(labels) => Change::Labels,
        Some(true) => Change::Nothing,
        Some(false) | None => Change::Live,
    }
}

/// The sentence about one promotion of a plan, as the rules are now.
#[must_use]
pub fn would_promote(topology: &Topology, survey: &Survey<'_>, plan: &Plan, promotion: &Promotion) -> String {
    let (promoted, retired) = (topology.describe(&promotion.promoted), topology.describe(&promotion.retired));
    match change(survey, plan, promotion) {
        Change::Live if serves(survey, promotion).is_none() => format!(
            "The live rules disagree about which version is live: a flip would make {promoted} live on all of them; \
             {retired} would move to the test port."
        ),
        Change::Live => format!("A flip would make {promoted} live; {retired} would move to the test port."),
        Change::Bound => {
            format!("{promoted} is live already: a flip would only move the clients that are still bound to {retired}.")
        }
        Change::Test => format!("{promoted} is live already: a flip would only put {retired} on the test port."),
        Change::Labels => format!("{promoted} is live already: a flip would change only labels."),
        Change::Nothing => format!("{promoted} is live already: a flip would change no rule."),
    }
}

/// Whether every live rule of a promotion's pair serves the promoted group; none where they disagree.
fn serves(survey: &Survey<'_>, promotion: &Promotion) -> Option<bool> {
    is_live(survey, pair_of(survey, promotion)?, &promotion.promoted)
}
