//! From what was read to what the table asks: one member for each pair of a request.

use jiff::Timestamp;

use super::rules;
use crate::asked::parameters::Parameters;
use crate::release::decide::Ask;
use crate::release::fence::Fence;
use crate::release::guard;
use crate::release::id::Asker;
use crate::release::intent::{self, Wanted};
use crate::release::journal::{Journal, NEEDED};
use crate::release::refusal::Refusal;
use crate::release::several::Member;
use crate::release::view::{Rule, View};
use crate::seen::group::{TargetGroup, arn_tail};
use crate::seen::pair::Pair;
use crate::seen::setup_error::SetupError;
use crate::seen::side::{Both, Side};
use crate::seen::survey::Survey;
use crate::seen::topology::{Serves, Topology};
use crate::seen::twins::PortRule;

/// One pair of a request: which it is, and what the table asks of it.
#[derive(Clone, Debug)]
pub struct Looked {
    /// The pair.
    pub pair: Pair,
    /// What the table asks.
    pub member: Member,
}

/// What the table asks of every pair of a request.
///
/// # Errors
/// Where the request names what is not there, or does not say enough.
pub fn look(
    topology: &Topology,
    survey: &Survey<'_>,
    asked: &Parameters,
    asker: &Asker,
    now: Timestamp,
) -> Result<Vec<Looked>, SetupError> {
    let wanted = intent::resolve(topology, survey, &asked.promote_to, &asker.flip)?;
    wanted.into_iter().map(|wanted| looked(topology, survey, asked, asker, now, wanted)).collect()
}

fn looked(
    topology: &Topology,
    survey: &Survey<'_>,
    asked: &Parameters,
    asker: &Asker,
    now: Timestamp,
    wanted: Wanted,
) -> Result<Looked, SetupError> {
    let Wanted { pair, target } = wanted;
    let view = view(topology, survey, &pair, asked)?;
    let ask = Ask {
        asker: asker.clone(),
        execution: asked.execution.clone(),
        target,
        tails: Side::BOTH.map(|side| arn_tail(pair.arn(side)).to_owned()),
        now,
    };
    let called = target.map_or_else(|| topology.describe(&pair.first), |side| topology.describe(pair.arn(side)));
    Ok(Looked { member: Member { view, ask, called }, pair })
}

/// What was seen of one pair.
///
/// # Errors
/// [`SetupError::UnknownGroup`] where one of its groups was not read.
pub fn view(topology: &Topology, survey: &Survey<'_>, pair: &Pair, asked: &Parameters) -> Result<View, SetupError> {
    let groups: Both<&TargetGroup> = Both([group(topology, &pair.first)?, group(topology, &pair.second)?]);
    let both = |of: &dyn Fn(&TargetGroup, &TargetGroup) -> Result<(), Refusal>| {
        Both(Side::BOTH.map(|side| of(groups[side], groups[side.other()])))
    };
    let fences = Both(Side::BOTH.map(|side| Fence::of(groups[side])));
    let fenced = Both(Side::BOTH.map(|side| fences[side].clone().map(|fence| guard::fenced(groups[side], fence, asked))));
    let journal = Journal::of_pair(topology, pair);
    let room = Both(Side::BOTH.map(|side| room(&journal, side, groups[side])));
    let rules = port_rules(survey, pair);
    Ok(View {
        rules: rules.iter().map(|(live, rule)| seen_rule(topology, pair, rule, *live)).collect(),
        capacity: both(&|promoted, retired| guard::capacity(promoted, retired, asked)),
        companions: Both(Side::BOTH.map(|side| guard::companions(topology, groups[side], asked))),
        image: both(&|promoted, _| guard::image(promoted, asked)),
        fences,
        fenced,
        setup: setup(topology, survey, pair, &rules),
        shared: rules.iter().find_map(|(_, rule)| shared(topology, pair, rule)),
        unclear: unclear(topology, pair, &rules),
        room,
        journal,
    })
}

fn group<'a>(topology: &'a Topology, arn: &str) -> Result<&'a TargetGroup, SetupError> {
    topology.group(arn).ok_or_else(|| SetupError::UnknownGroup {
        wanted: arn.to_owned(),
        load_balancer: topology.name.clone(),
        known: topology.groups.values().map(TargetGroup::describe).collect(),
    })
}

/// The rules of a pair, those of the live ports first.
pub(crate) fn port_rules<'a>(survey: &Survey<'a>, pair: &Pair) -> Vec<(bool, PortRule<'a>)> {
    let live = survey.twins_of(pair).map(|twin| (true, twin.live));
    let mut rules: Vec<(bool, PortRule<'a>)> = live.collect();
    for twin in survey.twins_of(pair) {
        // A test rule may be the twin of several live ones.
        if !rules.contains(&(false, twin.test)) {
            rules.push((false, twin.test));
        }
    }
    rules
}

fn seen_rule(topology: &Topology, pair: &Pair, rule: &PortRule<'_>, live: bool) -> Rule {
    let serves = match rule.forward.serves() {
        Serves::One(group) => pair.side(group),
        Serves::Mixed => None,
    };
    Rule { arn: rule.rule.id.arn().to_owned(), live, serves, bound: rules::is_bound(topology, pair, rule) }
}

fn shared(topology: &Topology, pair: &Pair, rule: &PortRule<'_>) -> Option<Refusal> {
    let ours = matches!(rule.forward.serves(), Serves::One(group) if pair.holds(group));
    (!ours).then(|| Refusal::Shared { rule: rule.describe(), weights: topology.weights(rule.forward) })
}

fn unclear(topology: &Topology, pair: &Pair, rules: &[(bool, PortRule<'_>)]) -> Refusal {
    let told = rules.iter().map(|(_, rule)| format!("{} forwards to {}", rule.describe(), topology.weights(rule.forward)));
    let choices = [&pair.first, &pair.second].map(|arn| topology.short(arn).to_owned());
    Refusal::Unclear { rules: told.collect(), choices: choices.to_vec() }
}

fn room(journal: &Journal, side: Side, group: &TargetGroup) -> Result<(), Refusal> {
    let free = journal.free(side);
    match free >= NEEDED {
        true => Ok(()),
        false => Err(Refusal::NoRoom { group: group.describe(), free, needed: NEEDED }),
    }
}

/// What keeps a rule of the pair from being moved with it: no twin, actions that cannot be written back, or a forward that
/// AWS would not take.
fn setup(topology: &Topology, survey: &Survey<'_>, pair: &Pair, rules: &[(bool, PortRule<'_>)]) -> Option<SetupError> {
    let unmatched = [&pair.first, &pair.second].into_iter().find_map(|group| survey.cannot_move(topology, group));
    let unknown = || {
        rules.iter().find_map(|(_, side)| {
            let carried = side.rule.carried().find(|carried| carried.settings.is_none())?;
            Some(SetupError::UnknownAction { port: side.port, rule: side.rule.describe(), kind: carried.kind.clone() })
        })
    };
    let overfull = || rules.iter().find_map(|(_, rule)| rules::refused_by_aws(topology, pair, rule));
    unmatched.or_else(unknown).or_else(overfull)
}
