//! The plan: the ordered writes from what is there to what is wanted. A value: printed, it is the dry run; applied, it is
//! the flip; compared, it is the test.

pub mod behind;
pub mod labels;
pub mod look;
mod rules;
pub mod write;

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::release::fence::{BUILD, NO_FENCE};
use crate::release::record::{Record, Verdict};
use crate::release::turn::{Row, Turn};
use crate::seen::group::{IS_PRODUCTION, PARTNER, arn_tail};
use crate::seen::pair::Pair;
use crate::seen::side::Side;
use crate::seen::survey::Survey;
use crate::seen::topology::Topology;
use crate::seen::twins::PortRule;
use look::{Looked, port_rules};
pub use write::Write;

/// A phase of a plan. Within a phase the order does not matter; a phase begins when every write of the one before it has
/// been acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Which groups are partners, where no rule will say it for a moment.
    Partners,
    /// The records of flips.
    Records,
    /// The live rules.
    Live,
    /// The test rules.
    Test,
    /// The closing of jobs, and labels.
    Close,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Partners => "partners",
            Self::Records => "records",
            Self::Live => "live",
            Self::Test => "test",
            Self::Close => "close",
        })
    }
}

/// One write of a plan, and the pair of the request that it is for, by its index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The index of the pair.
    #[serde(skip)]
    pub pair: usize,
    /// The write.
    #[serde(flatten)]
    pub write: Write,
    /// Whether the flip does without it: a label.
    #[serde(skip)]
    pub is_label: bool,
}

/// The writes in their phases.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The phases in their order.
    pub phases: BTreeMap<Phase, Vec<Step>>,
    /// What a person should know besides.
    pub notes: Vec<String>,
}

impl Plan {
    /// Every write with its phase.
    pub fn steps(&self) -> impl Iterator<Item = (Phase, &Step)> {
        self.phases.iter().flat_map(|(phase, steps)| steps.iter().map(|step| (*phase, step)))
    }

    /// The rule writes, live before test.
    pub fn rules(&self) -> impl Iterator<Item = &Step> {
        self.steps().map(|(_, step)| step).filter(|step| matches!(step.write, Write::Actions { .. }))
    }

    /// Whether nothing at all is written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps().next().is_none()
    }

    /// The topology after every write of this plan: what AWS would hold.
    #[must_use]
    pub fn applied_to(&self, topology: &Topology) -> Topology {
        let mut after = topology.clone();
        for (_, step) in self.steps() {
            step.write.apply_to(&mut after);
        }
        after
    }

    /// Adds the writes of a plan that comes after this one.
    pub fn extend(&mut self, later: Self) {
        for (phase, steps) in later.phases {
            self.phases.entry(phase).or_default().extend(steps);
        }
    }

    fn push(&mut self, phase: Phase, pair: usize, write: Write) {
        self.phases.entry(phase).or_default().push(Step { pair, write, is_label: false });
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            writeln!(f, "nothing to write")?;
        }
        for (phase, step) in self.steps() {
            writeln!(f, "{phase:<8} {}", step.write)?;
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "note     {note}"))
    }
}

/// Whether the labels of a flip that was made are written: not where AWS denied them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Labels {
    /// They are.
    Written,
    /// They are left as they are.
    Left,
}

/// The writes of these turns, each for the pair with its index.
#[must_use]
pub fn compose(topology: &Topology, survey: &Survey<'_>, looked: &[Looked], turns: &[(usize, Turn)], labels: Labels) -> Plan {
    let mut plan = Plan { notes: survey.untouched.clone(), ..Plan::default() };
    for (index, turn) in turns {
        let Some(Looked { pair, member }) = looked.get(*index) else { continue };
        match turn {
            Turn::Set { row, records, live, .. } => {
                if let (Row::R5c, Some(_)) = (row, records) {
                    partners(topology, survey, pair, *index, &mut plan);
                }
                if let Some((on, records)) = records {
                    plan.push(Phase::Records, *index, record(topology, pair, *on, records, Vec::new()));
                }
                set(topology, survey, pair, (*index, *live), &mut plan);
            }
            Turn::Close { row, on, records, .. } => {
                let own = |execution: &str| member.ask.execution.as_deref() == Some(execution);
                let made = turn.verdict() == Some(Verdict::Succeeded) && (*row == Row::R3a || member.view.serves(*on));
                let fence = member.view.fences[*on].as_ref().filter(|fence| *row == Row::R3a && own(&fence.execution));
                let mut more: Vec<_> = fence.map(|_| (BUILD.to_owned(), NO_FENCE.to_owned())).into_iter().collect();
                if made && labels == Labels::Written {
                    let [promoted, retired] = labels::is_production(topology, pair, *on);
                    more.extend(promoted.map(|_| (IS_PRODUCTION.to_owned(), "true".to_owned())));
                    let retired = retired.map(|write| Step { pair: *index, write, is_label: true });
                    plan.phases.entry(Phase::Close).or_default().extend(retired);
                }
                plan.push(Phase::Close, *index, record(topology, pair, *on, records, more));
            }
            Turn::Wait | Turn::Answered(_) | Turn::Stuck => {}
        }
    }
    plan
}

/// One call on one group: its records in their order, and what else belongs to the same moment.
fn record(topology: &Topology, pair: &Pair, on: Side, records: &[Record], more: Vec<(String, String)>) -> Write {
    let group = pair.arn(on).to_owned();
    let tags = records.iter().map(|record| (record.key(), record.value())).chain(more).collect();
    Write::Tag { called: topology.short(&group).to_owned(), group, tags }
}

/// The rules that have to be written so that `live` is live. A rule that shares its traffic is somebody else's.
fn set(topology: &Topology, survey: &Survey<'_>, pair: &Pair, (index, live): (usize, Side), plan: &mut Plan) {
    let mut single: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (is_live, rule) in port_rules(survey, pair) {
        let wanted = pair.arn(if is_live { live } else { live.other() });
        let ours = rule.forward.serves_only(wanted) || rule.forward.serves_only(pair.other(wanted));
        if !ours || (rule.forward.serves_only(wanted) && !rules::is_bound(topology, pair, &rule)) {
            continue;
        }
        if let Some(why) = rules::sticky(topology, pair, &rule) {
            single.entry(why).or_default().push(rule.describe());
        }
        plan.push(if is_live { Phase::Live } else { Phase::Test }, index, rules::serve(topology, pair, &rule, wanted));
    }
    let retired = pair.arn(live.other());
    let names = |(_, rule): &(bool, PortRule<'_>)| rule.forward.groups().any(|group| group == retired);
    let unnamed = !single.is_empty() && !port_rules(survey, pair).iter().filter(|(is_live, _)| !is_live).any(names);
    plan.notes.extend(single.into_iter().map(|(why, rules)| {
        format!(
            "one group of the pair is written without the other, since {why}, so that clients move at once: {}",
            rules.join("; ")
        )
    }));
    plan.notes.extend(unnamed.then(|| {
        format!("no rule names {} for a moment: the test port waits until its targets are checked anew", topology.short(retired))
    }));
}

/// The partner tags, where they do not say it yet and nothing else will between the live write and the test write: both
/// ports serve one group then, and its rules name it without its partner, or with a third group that stands by.
fn partners(topology: &Topology, survey: &Survey<'_>, pair: &Pair, index: usize, plan: &mut Plan) {
    let needed = |rule: &PortRule<'_>| {
        rules::sticky(topology, pair, rule).is_some() || rule.forward.groups().any(|group| !pair.holds(group))
    };
    if !port_rules(survey, pair).iter().any(|(_, rule)| needed(rule)) {
        return;
    }
    for side in Side::BOTH {
        let (arn, partner) = (pair.arn(side), arn_tail(pair.arn(side.other())));
        if topology.group(arn).is_some_and(|group| group.partner() != Some(partner)) {
            plan.push(Phase::Partners, index, Write::tag(arn, topology.short(arn), PARTNER, partner));
        }
    }
}
