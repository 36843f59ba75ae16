//! What a flip would do: what the approver reads, and `deployer plan` shows.

use serde::Serialize;

use super::{ONE_BY_ONE, Sides, names};
use crate::plan::{Phase, Plan, Write};
use crate::release::journal::Journal;
use crate::seen::group::TargetGroup;
use crate::seen::pair::Pair;
use crate::seen::side::Side;
use crate::seen::survey::Survey;
use crate::seen::topology::Topology;

/// What a flip would change for one pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// The live traffic moves.
    Live,
    /// The promoted group is live by weight; clients that are bound to the retired one move.
    Bound,
    /// Only what is on the test port.
    Test,
    /// No rule.
    Nothing,
}

/// One pair that a flip would be about, with the group that it would make live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Would {
    /// The index of the pair in the request.
    pub index: usize,
    /// The pair.
    pub pair: Pair,
    /// The group that would be live.
    pub live: Side,
}

impl Would {
    /// The sides as they would be.
    #[must_use]
    pub fn sides(&self) -> Sides {
        Sides { live: self.pair.arn(self.live).to_owned(), test: self.pair.arn(self.live.other()).to_owned() }
    }

    /// What a plan would change for this pair, as the rules are now.
    #[must_use]
    pub fn change(&self, survey: &Survey<'_>, plan: &Plan) -> Change {
        let mine = |wanted: Phase| {
            let rules = |write: &Write| matches!(write, Write::Actions { .. });
            plan.steps().any(|(phase, step)| phase == wanted && step.pair == self.index && rules(&step.write))
        };
        let is_live = survey.is_live(&self.pair, self.pair.arn(self.live)) == Some(true);
        match (mine(Phase::Live), mine(Phase::Test)) {
            (true, _) if is_live => Change::Bound,
            (true, _) => Change::Live,
            (false, true) => Change::Test,
            (false, false) => Change::Nothing,
        }
    }

    /// The sentence about this pair, as the rules are now.
    #[must_use]
    pub fn sentence(&self, topology: &Topology, survey: &Survey<'_>, plan: &Plan) -> String {
        let Sides { live, test } = self.sides();
        let (promoted, retired) = (topology.describe(&live), topology.describe(&test));
        let now = match self.change(survey, plan) {
            Change::Live if survey.is_live(&self.pair, &live).is_none() => format!(
                "The live rules disagree about which version is live: a flip would make {promoted} live on all of them; \
                 {retired} would move to the test port."
            ),
            Change::Live => format!("A flip would make {promoted} live; {retired} would move to the test port."),
            Change::Bound => {
                format!("{promoted} is live already: a flip would only move the clients that are still bound to {retired}.")
            }
            Change::Test => format!("{promoted} is live already: a flip would only put {retired} on the test port."),
            Change::Nothing => format!("{promoted} is live already: a flip would change no rule."),
        };
        match self.underway(topology) {
            Some(underway) => format!("{now} {underway}"),
            None => now,
        }
    }

    /// What becomes of a flip that is in progress.
    fn underway(&self, topology: &Topology) -> Option<String> {
        let (promoted, flip) = Journal::of_pair(topology, &self.pair).newest().filter(|(_, flip)| flip.in_progress())?;
        let group = topology.short(self.pair.arn(promoted));
        let verb = if promoted == self.live { "finish it" } else { "cancel it" };
        let id = &flip.id;
        Some(format!(
            "Flip {id} to {group} is in progress since {}: its next delivery finishes it, this flip would {verb}.",
            flip.time
        ))
    }
}

/// The sentences about a flip that would be made.
#[must_use]
pub fn would_flip(topology: &Topology, survey: &Survey<'_>, plan: &Plan, would: &[Would]) -> String {
    let mut sentences = Vec::new();
    if would.len() <= ONE_BY_ONE {
        for one in would {
            sentences.push(one.sentence(topology, survey, plan));
            if one.change(survey, plan) == Change::Live {
                let healthy = |arn: &str| topology.group(arn).map_or(0, TargetGroup::healthy);
                let Sides { live, test } = one.sides();
                sentences.push(format!("Healthy targets: {} against {} that serve now.", healthy(&live), healthy(&test)));
            }
        }
        sentences.extend(plan.notes.iter().map(|note| format!("{note}.")));
    } else {
        let (pairs, rules) = (would.len(), plan.rules().count());
        sentences.push(format!("A flip would change {rules} rules, so that {pairs} target groups are live."));
        sentences.extend(plan.notes.iter().map(|note| format!("{note}.")));
        let sides: Vec<Sides> = would.iter().map(Would::sides).collect();
        sentences.push(format!("Live would be: {}.", names(topology, &sides)));
    }
    sentences.extend(seconds(plan.rules().count()).map(|seconds| {
        format!("AWS takes 3 rule changes a second after the first 20: this flip takes about {seconds} seconds.")
    }));
    sentences.join(" ")
}

/// How many rules are told one by one; more would leave no room for what runs, and for what is wrong.
const FEW: usize = 8;

/// The rules that a flip would write: what comes last in a text, since it may be long.
#[must_use]
pub fn would_write(plan: &Plan) -> String {
    let mut sentences: Vec<String> = plan.rules().take(FEW).map(|step| format!("{}.", step.write)).collect();
    let more = plan.rules().count().saturating_sub(FEW);
    sentences.extend((more > 0).then(|| format!("And {more} more rules, which `deployer plan` shows.")));
    sentences.join(" ")
}

/// How many seconds the rule writes of a flip take at least, where AWS's bucket makes them wait: 20 calls at once, then 3 a
/// second (aws-load-balancer-controller, `throttle/defaults.go`, which cites the ELB guide).
#[must_use]
pub fn seconds(rules: usize) -> Option<usize> {
    rules.checked_sub(20).filter(|more| *more > 0).map(|more| more.div_ceil(3))
}
