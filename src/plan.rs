//! The plan: the ordered writes from what is there to what is wanted. A value: printed, it is the dry run; applied,
//! it is the flip; compared, it is the test.

use std::collections::BTreeMap;
use std::fmt;

use jiff::{Timestamp, Unit};
use serde::Serialize;
use thiserror::Error;

use crate::intent::{self, Promotion, Standing, marks, standing};
use crate::journal::{BUILD, FLIP, Flip, FlipId, Marks, NO_FENCE, PAST};
use crate::pairs::stray;
use crate::parameters::Parameters;
use crate::safety::{self, Blocked, pair_of, twins_of};
use crate::topology::{Action, ActionKind, Forward, IS_PRODUCTION, RuleId, TargetGroup, Topology, Weighted, arn_tail};
use crate::twins::{Side, Survey};
use crate::unfit::Unfit;

/// The weight of a group that gets every request.
const ALL: i32 = 100;
/// The most groups of a forward action (API reference, ForwardActionConfig).
const MAX_GROUPS: usize = 5;
/// How many groups one AddTags call names. Its limit is not documented; DescribeTags takes as many.
const TAGGED_AT_ONCE: usize = 20;

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
    let survey = crate::twins::survey(topology, &asked.ports)?;
    let promotions = intent::resolve(topology, &survey, &asked.promote_to, id)?;
    for promotion in &promotions {
        whole(topology, &survey, promotion)?;
    }
    let refuse = |promotion| {
        over(topology, &survey, promotion, &asker.delivery)
            .or_else(|| safety::guard(topology, &survey, promotion, asked, id).err())
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

/// Plans the way back: every pair of `promotions` is turned round again, under the id that remembers the delivery as
/// over. Not guarded: the group that it makes live was live a moment ago.
///
/// # Errors
/// An [`Unfit`] where the listeners changed so far that there are no pairs any more.
pub fn plan_back(
    topology: &Topology,
    asked: &Parameters,
    promotions: &[Promotion],
    asker: &Asker,
    now: Timestamp,
) -> Result<Plan, Unfit> {
    let survey = crate::twins::survey(topology, &asked.ports)?;
    let over = FlipId::over(&asker.delivery);
    let mut plan = Plan::default();
    for promotion in promotions {
        let back = Promotion { promoted: promotion.retired.clone(), retired: promotion.promoted.clone(), finishes: None };
        write_promotion(topology, &survey, &back, &Author { id: &over, instead_of: Some(&asker.flip), now }, &mut plan);
        plan.promotions.push(back);
    }
    plan.rest.extend(is_production(topology, &plan.promotions, &plan.journal));
    Ok(plan)
}

/// The promotions that this delivery took back, as its journal tells: what a way back that died halfway has to finish.
#[must_use]
pub fn taken_back(topology: &Topology, asked: &Parameters, asker: &Asker) -> Vec<Promotion> {
    let Ok(survey) = crate::twins::survey(topology, &asked.ports) else { return Vec::new() };
    let over = FlipId::over(&asker.delivery);
    let of = |pair: &crate::twins::Pair| {
        let flip =
            marks(topology, pair).flip.filter(|flip| flip.id == over && flip.names(&pair.first) && flip.names(&pair.second))?;
        let live = if flip.promotes(&pair.first) { &pair.first } else { &pair.second };
        Some(Promotion { promoted: pair.other(live).to_owned(), retired: live.clone(), finishes: None })
    };
    survey.pairs.keys().filter_map(of).collect()
}

/// Remembers a refused delivery as over, so that a late copy of its event does not flip when the reason is gone.
#[must_use]
pub fn remember_over(topology: &Topology, asked: &Parameters, asker: &Asker) -> Vec<Write> {
    let Ok(survey) = crate::twins::survey(topology, &asked.ports) else { return Vec::new() };
    let Ok(promotions) = intent::resolve(topology, &survey, &asked.promote_to, &asker.flip) else { return Vec::new() };
    let over = FlipId::over(&asker.delivery);
    promotions.iter().filter_map(|promotion| remember(topology, &survey, promotion, &over, &promotion.retired)).collect()
}

/// Whether an earlier delivery of this event ended without a flip.
fn over(topology: &Topology, survey: &Survey<'_>, promotion: &Promotion, delivery: &str) -> Option<Blocked> {
    let pair = pair_of(survey, promotion)?;
    (standing(topology, pair, &FlipId::over(delivery)) != Standing::New)
        .then(|| Blocked::Over { job: delivery.to_owned(), live: topology.describe(&promotion.retired) })
}

/// Puts an id among a pair's earlier ones, with the group it stands for.
fn remember(topology: &Topology, survey: &Survey<'_>, promotion: &Promotion, id: &FlipId, group: &str) -> Option<Write> {
    let pair = pair_of(survey, promotion)?;
    if standing(topology, pair, id) != Standing::New {
        return None;
    }
    let past = marks(topology, pair).past.with(id, arn_tail(group));
    Some(tag_both(topology, promotion, &[(PAST, past.to_string())]))
}

fn tag_both(topology: &Topology, promotion: &Promotion, tags: &[(&str, String)]) -> Write {
    Write::Tag {
        groups: vec![promotion.promoted.clone(), promotion.retired.clone()],
        called: format!("{} and {}", topology.short(&promotion.promoted), topology.short(&promotion.retired)),
        tags: tags.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect(),
    }
}

/// Whether every rule that the flip concerns can be moved: with a twin that tells its pair, and with actions that can
/// be written back.
fn whole(topology: &Topology, survey: &Survey<'_>, promotion: &Promotion) -> Result<(), Unfit> {
    for group in [&promotion.promoted, &promotion.retired] {
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

/// In whose name a promotion is journalled.
struct Author<'a> {
    id: &'a FlipId,
    /// The flip that this one undoes: it is forgotten, so that a Retry may make it again.
    instead_of: Option<&'a FlipId>,
    now: Timestamp,
}

fn write_promotion(topology: &Topology, survey: &Survey<'_>, promotion: &Promotion, author: &Author<'_>, plan: &mut Plan) {
    let rules_before = plan.rules().count();
    let mut alone: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let (promoted, retired) = (&promotion.promoted, &promotion.retired);
    for twin in twins_of(survey, promotion) {
        for (side, serving, resting, writes) in
            [(twin.live, promoted, retired, &mut plan.live), (twin.test, retired, promoted, &mut plan.rest)]
        {
            let sticky = sticky(topology, promotion, &side);
            let write = turn(topology, &side, serving, resting, sticky.is_some());
            if let (Some(why), Some(_)) = (sticky, &write) {
                alone.entry(why).or_default().push(side.describe());
            }
            writes.extend(write);
        }
    }
    let unnamed = !alone.is_empty()
        && !twins_of(survey, promotion).iter().any(|twin| twin.test.forward.groups().any(|group| group == retired));
    plan.notes.extend(alone.into_iter().map(|(why, sides)| {
        format!("one group of the pair alone is written, since {why}, so that clients move at once: {}", sides.join("; "))
    }));
    plan.notes.extend(unnamed.then(|| {
        format!("no rule names {} for a moment: the test port waits until its targets are checked anew", topology.short(retired))
    }));
    let moved = plan.rules().count() > rules_before;
    let standing = pair_of(survey, promotion).map_or(Standing::New, |pair| standing(topology, pair, author.id));
    plan.changes |= moved || standing == Standing::Current;
    plan.journal.extend(journal(topology, survey, promotion, author, moved));
}

/// Why a side is written with one group of the pair alone, where it is.
fn sticky(topology: &Topology, promotion: &Promotion, side: &Side<'_>) -> Option<&'static str> {
    if side.forward.stickiness.on {
        return Some("group stickiness outranks weights");
    }
    [&promotion.promoted, &promotion.retired]
        .into_iter()
        .any(|arn| topology.group(arn).is_some_and(|group| group.sticky))
        .then_some("groups with sticky targets may share an action only with group stickiness")
}

/// The write that makes a side serve `serving`, where it does not yet.
fn turn(topology: &Topology, side: &Side<'_>, serving: &str, resting: &str, alone: bool) -> Option<Write> {
    let forward = if alone { one_of_two(side.forward, serving, resting) } else { weighted(side.forward, serving, resting) };
    let there = if alone { forward == *side.forward } else { side.forward.serves_only(serving) };
    (!there).then(|| Write::Actions {
        rule: side.rule.id.clone(),
        called: side.describe(),
        before: topology.weights(side.forward),
        after: topology.weights(&forward),
        actions: side.rule.with_forward(&forward),
    })
}

/// `serving` in the place and with the weight of the two, so that no client stays bound to the other; whoever else
/// stands by keeps its place.
fn one_of_two(now: &Forward, serving: &str, resting: &str) -> Forward {
    let of_pair = |target: &&Weighted| target.group == serving || target.group == resting;
    let weight = now.targets.iter().filter(of_pair).map(|target| target.weight).max().filter(|weight| *weight > 0);
    let place = now.targets.iter().position(|target| of_pair(&target)).unwrap_or_default();
    let mut targets: Vec<Weighted> = now.targets.iter().filter(|target| !of_pair(target)).cloned().collect();
    targets.insert(place, Weighted { group: serving.to_owned(), weight: weight.unwrap_or(ALL) });
    Forward { targets, stickiness: now.stickiness }
}

/// Both groups, 100 and 0, and whoever else stands by with 0: no group is ever without a rule, so that its health
/// checks never stop. The order stays, so that the way back restores the action as it was.
fn weighted(now: &Forward, serving: &str, resting: &str) -> Forward {
    let mut targets: Vec<Weighted> = now
        .targets
        .iter()
        .map(|target| match target.group.as_str() {
            group if group == serving => Weighted { weight: ALL, ..target.clone() },
            group if group == resting => Weighted { weight: 0, ..target.clone() },
            _ => target.clone(),
        })
        .collect();
    for (group, weight) in [(serving, ALL), (resting, 0)] {
        if !now.groups().any(|named| named == group) {
            targets.push(Weighted { group: group.to_owned(), weight });
        }
    }
    Forward { targets, stickiness: now.stickiness }
}

/// The labels that tell which groups are live: one write for all that become live, one for the others.
fn is_production(topology: &Topology, promotions: &[Promotion], journal: &[Write]) -> Vec<Write> {
    let promoted: Vec<&str> = promotions.iter().map(|promotion| promotion.promoted.as_str()).collect();
    let retired: Vec<&str> = promotions.iter().map(|promotion| promotion.retired.as_str()).collect();
    let unlabelled = |group: &TargetGroup| {
        journal.iter().any(|write| matches!(write, Write::Tag { groups, tags, .. } if tags.contains_key(IS_PRODUCTION) && groups.contains(&group.arn)))
    };
    let live = put(topology, &promoted, IS_PRODUCTION, "true", |group| unlabelled(group) || lacks(group, IS_PRODUCTION, "true"));
    [live, label(topology, &retired, IS_PRODUCTION, "false")].concat()
}

/// The writes that put one tag on groups, on those where it is not there yet.
#[must_use]
pub fn label(topology: &Topology, groups: &[&str], key: &str, value: &str) -> Vec<Write> {
    put(topology, groups, key, value, |group| lacks(group, key, value))
}

fn lacks(group: &TargetGroup, key: &str, value: &str) -> bool {
    group.tags.get(key).map(String::as_str) != Some(value)
}

fn put(topology: &Topology, groups: &[&str], key: &str, value: &str, wants: impl Fn(&TargetGroup) -> bool) -> Vec<Write> {
    let wanting: Vec<&TargetGroup> = groups.iter().filter_map(|arn| topology.group(arn)).filter(|group| wants(group)).collect();
    let write = |groups: &[&TargetGroup]| Write::Tag {
        groups: groups.iter().map(|group| group.arn.clone()).collect(),
        called: groups.iter().map(|group| topology.short(&group.arn)).collect::<Vec<_>>().join(", "),
        tags: BTreeMap::from([(key.to_owned(), value.to_owned())]),
    };
    wanting.chunks(TAGGED_AT_ONCE).map(write).collect()
}

/// The journal's write: the flip, where rules are to move and it is not there yet on both groups; or only the id
/// among the earlier ones, where there is nothing to do, so that a late copy of this request can never undo a flip
/// that comes after it.
fn journal(topology: &Topology, survey: &Survey<'_>, promotion: &Promotion, author: &Author<'_>, moved: bool) -> Option<Write> {
    let Author { id, instead_of, now } = author;
    let pair = pair_of(survey, promotion)?;
    let seen = marks(topology, pair);
    let written = |arn: &String| topology.group(arn).and_then(|group| Marks::of(group).flip).is_some_and(|flip| flip.id == **id);
    if !moved {
        return remember(topology, survey, promotion, id, &promotion.promoted);
    }
    if written(&pair.first) && written(&pair.second) {
        return None;
    }
    let flip = Flip {
        id: (*id).clone(),
        promoted: arn_tail(&promotion.promoted).to_owned(),
        retired: arn_tail(&promotion.retired).to_owned(),
        time: now.round(Unit::Millisecond).unwrap_or(*now),
    };
    let past = match &seen.flip {
        Some(earlier) if earlier.id != **id => seen.past.with(&earlier.id, &earlier.promoted),
        _ => seen.past,
    };
    let past = instead_of.iter().fold(past.without(id), |past, undone| past.without(undone)).to_string();
    let mut tags = vec![(FLIP, flip.to_string()), (PAST, past), (BUILD, NO_FENCE.to_owned())];
    // A label that already says that the promoted group is live would make this flip look like one that was made and
    // undone by hand, if the process died now: it goes in the same call.
    if topology.group(&promotion.promoted).and_then(|group| group.tag(IS_PRODUCTION)) == Some("true") {
        tags.push((IS_PRODUCTION, "false".to_owned()));
    }
    Some(tag_both(topology, promotion, &tags))
}
