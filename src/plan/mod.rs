//! The plan: the ordered writes from what is there to what is wanted. A value: printed, it is the dry run; applied,
//! it is the flip; compared, it is the test.

pub mod labels;
pub(crate) mod rules;
pub mod tags;

use std::collections::BTreeMap;
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use thiserror::Error;

use crate::asked::parameters::Parameters;
use crate::plan::rules::{sticky, turn};
use crate::plan::tags::{Author, Moved, is_production, journal};
use crate::release::back::over;
use crate::release::guard::{self, Blocked, pair_of, twins_of};
use crate::release::intent::{self, Promotion, Standing, marks, standing};
use crate::release::journal::FlipId;
use crate::seen::pairs::{Pair, stray};
use crate::seen::topology::{Action, ActionKind, Forward, RuleId, Topology};
use crate::seen::twins::Survey;
use crate::seen::unfit::Unfit;

/// The most groups of a forward action (API reference, ForwardActionConfig).
const MAX_GROUPS: usize = 5;

/// One write: one call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Write {
    /// AddTags: the same tags on every group named.
    Tag {
        /// The groups' ARNs.
        groups: Vec<String>,
        /// What the groups are called, for a person.
        called: String,
        /// The tags to put.
        tags: BTreeMap<String, String>,
    },
    /// ModifyRule, or ModifyListener for a default action: the whole action list.
    Actions {
        /// The rule.
        rule: RuleId,
        /// The rule for a person: `port 80, default action`.
        called: String,
        /// The whole action list to write.
        actions: Vec<Action>,
        /// The weights before, for a person.
        before: String,
        /// The weights after, for a person.
        after: String,
    },
}

impl fmt::Display for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag { called, tags, .. } => {
                let shown = |value: &str| if value.is_empty() { "(empty)".to_owned() } else { value.to_owned() };
                let tags: Vec<String> = tags.iter().map(|(key, value)| format!("{key} = {}", shown(value))).collect();
                write!(f, "tag {called}: {}", tags.join(", "))
            }
            Self::Actions { called, before, after, .. } => write!(f, "{called}: {before} -> {after}"),
        }
    }
}

/// The writes in their phases. Within a phase the order does not matter; a phase begins when the one before it has
/// been acknowledged whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// What is wanted.
    pub promotions: Vec<Promotion>,
    /// The journal, before anything moves.
    pub journal: Vec<Write>,
    /// The live rules.
    pub live: Vec<Write>,
    /// The test rules and the labels.
    pub rest: Vec<Write>,
    /// Whether this flip id moved the traffic, now or in an earlier delivery.
    pub changes: bool,
    /// What a person should know besides.
    pub notes: Vec<String>,
}

impl Plan {
    /// The phases in their order.
    #[must_use]
    pub fn phases(&self) -> [(&'static str, &[Write]); 3] {
        [("journal", &self.journal), ("live", &self.live), ("test", &self.rest)]
    }

    /// Whether a rule is written.
    #[must_use]
    pub fn moves_traffic(&self) -> bool {
        self.rules().next().is_some()
    }

    /// Whether a rule of this promotion is written.
    #[must_use]
    pub fn moves(&self, promotion: &Promotion) -> bool {
        let serves = |forward: &Forward| forward.serves_only(&promotion.promoted) || forward.serves_only(&promotion.retired);
        self.rules().any(|write| match write {
            Write::Actions { actions, .. } => actions.iter().any(|action| match &action.kind {
                ActionKind::Forward(forward) => serves(forward),
                ActionKind::Carried(_) => false,
            }),
            Write::Tag { .. } => false,
        })
    }

    /// The rule writes, live before test.
    pub fn rules(&self) -> impl Iterator<Item = &Write> {
        self.live.iter().chain(&self.rest).filter(|write| matches!(write, Write::Actions { .. }))
    }

    /// Whether nothing at all is written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.journal.is_empty() && self.live.is_empty() && self.rest.is_empty()
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            writeln!(f, "nothing to write")?;
        }
        for (phase, writes) in self.phases() {
            for write in writes {
                writeln!(f, "{phase:<8} {write}")?;
            }
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "note     {note}"))
    }
}

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The set-up or the parameters are wrong.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// The flip is refused, with every reason.
    #[error("refused: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Blocked(Vec<Blocked>),
}

/// Who asks: what makes two deliveries the same flip, and what makes them the same event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asker {
    /// The flip id.
    pub flip: FlipId,
    /// The CodePipeline job id, or the Lambda request id of a direct call.
    pub delivery: String,
}

impl Asker {
    /// The flip id of these parameters: `Execution` where given, else the delivery.
    #[must_use]
    pub fn new(asked: &Parameters, delivery: &str) -> Self {
        let origin = asked.execution.as_deref().unwrap_or(delivery);
        Self { flip: FlipId::new(origin, &asked.promote_to), delivery: delivery.to_owned() }
    }
}

/// Plans a flip: from what was seen and what is asked, at a given time. Pure.
///
/// # Errors
/// A [`Refusal`]; then nothing is to be written.
pub fn plan(topology: &Topology, asked: &Parameters, asker: &Asker, now: Timestamp) -> Result<Plan, Refusal> {
    let id = &asker.flip;
    let survey = crate::seen::twins::survey(topology, &asked.ports)?;
    let promotions = intent::resolve(topology, &survey, &asked.promote_to, id)?;
    for promotion in &promotions {
        whole(topology, &survey, promotion)?;
    }
    let refuse = |promotion| {
        over(topology, &survey, promotion, &asker.delivery)
            .or_else(|| guard::guard(topology, &survey, promotion, asked, id).err())
    };
    let blocked: Vec<Blocked> = promotions.iter().filter_map(refuse).collect();
    if !blocked.is_empty() {
        return Err(Refusal::Blocked(blocked));
    }
    let mut plan = Plan { notes: survey.left.clone(), ..Plan::default() };
    for promotion in &promotions {
        write_promotion(topology, &survey, promotion, &Author { id, instead_of: None, now }, &mut plan);
    }
    plan.rest.extend(is_production(topology, &promotions, &plan.journal));
    plan.promotions = promotions;
    fits(topology, &plan)?;
    Ok(plan)
}

/// Whether every rule that the flip concerns can be moved: with a twin that tells its pair, and with actions that can
/// be written back.
fn whole(topology: &Topology, survey: &Survey<'_>, promotion: &Promotion) -> Result<(), Unfit> {
    for group in [&promotion.retired, &promotion.promoted] {
        if let Some(stray) = stray(topology, survey, group) {
            return Err(stray);
        }
    }
    for side in twins_of(survey, promotion).into_iter().flat_map(|twin| [twin.live, twin.test]) {
        if let Some(carried) = side.rule.carried().find(|carried| carried.settings.is_none()) {
            return Err(Unfit::UnknownAction { port: side.port, rule: side.rule.describe(), kind: carried.kind.clone() });
        }
    }
    Ok(())
}

/// Whether AWS takes the actions that a plan writes: at most five groups, and sticky targets beside other groups only
/// with group stickiness (API reference, ForwardActionConfig; ELB user guide, "Sticky sessions").
fn fits(topology: &Topology, plan: &Plan) -> Result<(), Unfit> {
    for write in plan.rules() {
        let Write::Actions { called, actions, .. } = write else { continue };
        let forwards = actions.iter().filter_map(|action| match &action.kind {
            ActionKind::Forward(forward) => Some(forward),
            ActionKind::Carried(_) => None,
        });
        for forward in forwards {
            let groups = forward.targets.len();
            let sticky = forward.groups().find(|arn| topology.group(arn).is_some_and(|group| group.sticky));
            let would = match sticky {
                _ if groups > MAX_GROUPS => {
                    format!("{groups} target groups ({}), of which AWS takes {MAX_GROUPS}", topology.weights(forward))
                }
                Some(group) if groups > 1 && !forward.stickiness.on => format!(
                    "{}, whose targets are sticky, beside other groups ({}), which AWS takes only with group stickiness",
                    topology.describe(group),
                    topology.weights(forward)
                ),
                _ => continue,
            };
            return Err(Unfit::Overfull { rule: called.clone(), would });
        }
    }
    Ok(())
}

/// How long another flip's writes may be on their way after its journal: a plan is applied for at most 15 seconds, and as
/// long again counts for calls that AWS takes its time over.
const STILL_WRITING: SignedDuration = SignedDuration::from_secs(30);

/// Whether another flip began so lately that it may still be writing: then what is right now may be wrong a moment later.
fn is_contested(topology: &Topology, pair: &Pair, author: &Author<'_>) -> bool {
    let other = marks(topology, pair).flip.filter(|flip| flip.id != *author.id && author.instead_of != Some(&flip.id));
    other.is_some_and(|flip| author.now.duration_since(flip.time) < STILL_WRITING)
}

/// Whether a flip that another one overtook may still write into one of its pairs: its journal stood there a moment ago.
#[must_use]
pub fn was_contested(topology: &Topology, asked: &Parameters, plan: &Plan, asker: &Asker, now: Timestamp) -> bool {
    let Ok(survey) = crate::seen::twins::survey(topology, &asked.ports) else { return false };
    let author = Author { id: &asker.flip, instead_of: None, now };
    let pairs = plan.promotions.iter().filter_map(|promotion| pair_of(&survey, promotion));
    pairs.into_iter().any(|pair| is_contested(topology, pair, &author))
}

pub(crate) fn write_promotion(
    topology: &Topology,
    survey: &Survey<'_>,
    promotion: &Promotion,
    author: &Author<'_>,
    plan: &mut Plan,
) {
    let (live_before, rules_before) = (plan.live.len(), plan.rules().count());
    let mut alone: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let (promoted, retired) = (&promotion.promoted, &promotion.retired);
    let twins = twins_of(survey, promotion);
    let sides = || twins.iter().flat_map(|twin| [(twin.live, promoted, retired), (twin.test, retired, promoted)]);
    let wrong = sides().any(|(side, serving, _)| !side.forward.serves_only(serving));
    // Another flip's write of a rule that is right already would come after this one's look at it.
    let every = wrong && pair_of(survey, promotion).is_some_and(|pair| is_contested(topology, pair, author));
    for (number, (side, serving, resting)) in sides().enumerate() {
        let sticky = sticky(topology, promotion, &side);
        let write = turn(topology, &side, serving, resting, sticky.is_some(), every);
        if let (Some(why), Some(_)) = (sticky, &write) {
            alone.entry(why).or_default().push(side.describe());
        }
        let writes = if number % 2 == 0 { &mut plan.live } else { &mut plan.rest };
        writes.extend(write);
    }
    let unnamed = !alone.is_empty()
        && !twins_of(survey, promotion).iter().any(|twin| twin.test.forward.groups().any(|group| group == retired));
    plan.notes.extend(alone.into_iter().map(|(why, sides)| {
        format!("one group of the pair alone is written, since {why}, so that clients move at once: {}", sides.join("; "))
    }));
    plan.notes.extend(unnamed.then(|| {
        format!("no rule names {} for a moment: the test port waits until its targets are checked anew", topology.short(retired))
    }));
    let moved = Moved { any: plan.rules().count() > rules_before, live: plan.live.len() > live_before };
    let standing = pair_of(survey, promotion).map_or(Standing::New, |pair| standing(topology, pair, author.id));
    plan.changes |= moved.any || standing == Standing::Current;
    plan.journal.extend(journal(topology, survey, promotion, author, moved));
}
