//! What is wrong with listeners and rules. Pure.

use blue_green::seen::names::OPTIONS;
use blue_green::seen::pair::Pair;
use blue_green::seen::pairing::why_unpaired;
use blue_green::seen::ports::PortPair;
use blue_green::seen::setup_error::SetupError;
use blue_green::seen::survey::{Survey, survey};
use blue_green::seen::topology::{Serves, Topology};
use blue_green::seen::twins::{PortRule, Twin};

use super::finding::Finding;
use crate::fix;
use crate::progress::{Progress, State};

/// Stands for the ARN of a group that nothing tells.
const LIVE_GROUP: &str = "LIVE_TARGET_GROUP_ARN";
/// Stands for the ARN of the other group of a pair.
const TEST_GROUP: &str = "TEST_TARGET_GROUP_ARN";

/// Examines the listeners; the survey comes along where there is one, without ports that lack their counterpart.
#[must_use]
pub fn examine<'a>(topology: &'a Topology, ports: &[PortPair], group: Option<&str>) -> (Vec<Finding>, Option<Survey<'a>>) {
    let mut findings = Vec::new();
    let mut ports = ports.to_vec();
    loop {
        let narrowed =
            |survey: Survey<'a>| group.map_or_else(|| Ok(survey.clone()), |group| survey.clone().only(topology, group));
        match survey(topology, &ports).and_then(narrowed) {
            Ok(survey) => return (findings, Some(survey)),
            Err(setup_error) => {
                let half = match &setup_error {
                    SetupError::HalfPair { port, .. } => Some(*port),
                    _ => None,
                };
                findings.push(self::setup_error(topology, &ports, &setup_error));
                let Some(half) = half else { return (findings, None) };
                ports.retain(|pair| pair.live != half && pair.test != half);
                if !ports.iter().any(|pair| topology.listeners.contains_key(&pair.live)) {
                    return (findings, None);
                }
            }
        }
    }
}

/// What keeps the load balancer from being surveyed, with its fix where one command does it.
fn setup_error(topology: &Topology, ports: &[PortPair], setup_error: &SetupError) -> Finding {
    let what = setup_error.words(&OPTIONS);
    let fix = match setup_error {
        SetupError::HalfPair { port, missing, .. } => Some(counterpart(topology, *port, *missing)),
        SetupError::NoListeners { .. } => ports.first().map(|pair| {
            let live = fix::listener(&topology.arn, pair.live, LIVE_GROUP, TEST_GROUP);
            format!("{live} && {}", fix::listener(&topology.arn, pair.test, TEST_GROUP, LIVE_GROUP))
        }),
        SetupError::NoForward { .. } => ports.iter().find_map(|pair| {
            let listener = |port: &u16| topology.listeners.get(port);
            // Where rules forward, they are what is to become twins, and default actions stay what they are.
            let forwards = [&pair.live, &pair.test].into_iter().filter_map(listener).flat_map(|listener| &listener.rules);
            if forwards.into_iter().any(|rule| rule.forward().is_some()) {
                return None;
            }
            let rule = |port: &u16| listener(port)?.rules.last();
            let live = fix::forward(rule(&pair.live)?, LIVE_GROUP, TEST_GROUP)?;
            Some(format!("{live} && {}", fix::forward(rule(&pair.test)?, TEST_GROUP, LIVE_GROUP)?))
        }),
        _ => None,
    };
    match fix {
        Some(fix) => Finding::blocks(what, fix),
        None => Finding::blocks(what, all_listeners(topology)).by_looking(),
    }
}

/// Shows every listener.
fn all_listeners(topology: &Topology) -> String {
    format!("aws elbv2 describe-listeners --load-balancer-arn {}", topology.arn)
}

/// Makes the listener that a port lacks. What it serves is the group beside the one that the port serves, where the rule
/// names it or the load balancer has no other.
fn counterpart(topology: &Topology, port: u16, missing: u16) -> String {
    let there = topology.listeners.get(&port).and_then(|listener| listener.rules.last()).and_then(|rule| rule.forward());
    let served = there.and_then(|forward| match forward.serves() {
        Serves::One(group) => Some(group),
        Serves::Mixed => None,
    });
    let named: Vec<&str> = match there.filter(|forward| forward.targets.len() > 1) {
        Some(forward) => forward.groups().collect(),
        None => topology.groups.keys().map(String::as_str).collect(),
    };
    let others: Vec<&str> = named.into_iter().filter(|group| Some(*group) != served).collect();
    let other = match others.as_slice() {
        [only] if served.is_some() => *only,
        _ => TEST_GROUP,
    };
    fix::listener(&topology.arn, missing, other, served.unwrap_or(LIVE_GROUP))
}

/// What is wrong with the rules of a survey, and what a flip leaves as it is.
#[must_use]
pub fn surveyed(topology: &Topology, survey: &Survey<'_>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = survey.pairs.keys().filter_map(|pair| direction(topology, survey, pair)).collect();
    findings.extend(survey.unpaired.iter().map(|index| unpaired(topology, survey, &survey.twins[*index])));
    let ambiguous = survey.ambiguous.iter().map(|(_, ambiguous)| setup_error(topology, &survey.ports, ambiguous));
    findings.extend(ambiguous);
    findings.extend(survey.unmatched.iter().map(|side| unmatched(topology, survey, side)));
    let twins: Vec<&Twin<'_>> = survey.pairs.keys().flat_map(|pair| survey.twins_of(pair)).collect();
    let of_pairs =
        |side: &&&PortRule<'_>| survey.pairs.is_empty() || twins.iter().any(|twin| twin.live == ***side || twin.test == ***side);
    for side in survey.of_twins().iter().filter(of_pairs) {
        findings.extend(side.rule.carried().filter_map(|carried| carried_action(side, carried)));
        if side.forward.stickiness.on {
            findings.push(Finding::notes(format!(
                "{} has group stickiness: a flip gives it one group of the pair alone, so that clients really move",
                side.describe()
            )));
        }
    }
    findings.extend(survey.untouched.iter().cloned().map(Finding::notes));
    findings
}

/// That there are several pairs, where there are.
#[must_use]
pub fn several(topology: &Topology, survey: &Survey<'_>) -> Option<Finding> {
    let pairs = survey.pairs.len();
    (pairs > 1).then(|| {
        Finding::notes(format!(
            "{} carries {pairs} pairs of target groups: a flip must name the ones to make live with PromoteTo; --group examines one pair alone",
            topology.name
        ))
    })
}

/// Whether all rules of a pair tell the same way round.
fn direction(topology: &Topology, survey: &Survey<'_>, pair: &Pair) -> Option<Finding> {
    let twins: Vec<&Twin<'_>> = survey.twins_of(pair).collect();
    let weights = |side: &PortRule<'_>| format!("{} forwards to {}", side.describe(), topology.weights(side.forward));
    let flip = Progress::of(topology, survey, pair);
    let whole = [&pair.first, &pair.second].into_iter().find(|live| survey.serves(pair, live));
    match (flip, whole) {
        (Some(flip), _) if flip.state == State::InProgress => {
            let to = topology.group(&flip.promoted).map_or(&flip.promoted, |group| &group.name);
            let look = format!("deployer plan --elb {} --promote-to {to}", topology.name);
            return Some(Finding::warns(flip.sentence(topology), look).by_looking());
        }
        (Some(flip), Some(live)) if flip.state == State::Edited => {
            return Some(Finding::notes(format!(
                "the rules were changed after flip {} of {}, and not by a flip: {} is live. A later copy of that flip changes nothing",
                flip.id,
                flip.time,
                topology.describe(live)
            )));
        }
        (_, Some(_)) => return None,
        (_, None) => {}
    }
    if let Some(mixed) = twins.iter().map(|twin| &twin.live).find(|side| side.forward.serves() == Serves::Mixed) {
        // Somebody may be shifting traffic on purpose: no command is offered that would end that.
        let what = format!("{}: its weights are mixed, expected one group with all of the traffic", weights(mixed));
        return Some(Finding::blocks(what, fix::show(mixed.rule)).by_looking());
    }
    for group in [&pair.first, &pair.second] {
        if twins.iter().all(|twin| twin.live.forward.serves_only(group) && twin.test.forward.serves_only(group)) {
            return Some(Finding::blocks(
                format!("both ports forward to {}, so no rule says which version is wanted", topology.describe(group)),
                settle(topology, &twins, group, pair.other(group)),
            ));
        }
    }
    let rules: Vec<String> = twins.iter().flat_map(|twin| [&twin.live, &twin.test]).map(weights).collect();
    // The default action comes last: what it serves is what most people see.
    let served = twins.iter().rev().find_map(|twin| match twin.live.forward.serves() {
        Serves::One(group) if pair.holds(group) => Some(group),
        _ => None,
    });
    let live = served.unwrap_or(&pair.first);
    let what = format!(
        "the rules disagree about which version is live: {}; the load balancer is half-flipped, and no flip is in progress that tells which way is meant. \
         The command makes {} live everywhere, which {} serves",
        rules.join("; "),
        topology.describe(live),
        twins.last().map(|twin| twin.live.describe()).unwrap_or_default()
    );
    Some(Finding::blocks(what, settle(topology, &twins, live, pair.other(live))))
}

/// Brings every rule of a pair to the same way round, live before test. Where a rule holds more than a forward, or clients
/// stick to their group, only the function can: it keeps the rest, and moves them too.
fn settle(topology: &Topology, twins: &[&Twin<'_>], live: &str, test: &str) -> String {
    let sides = twins.iter().map(|twin| (&twin.live, live, test)).chain(twins.iter().map(|twin| (&twin.test, test, live)));
    let sticky = [live, test].iter().any(|arn| topology.group(arn).is_some_and(|group| group.sticky))
        || sides.clone().any(|(side, ..)| side.forward.stickiness.on);
    let wrong = sides.filter(|(side, serving, _)| !side.forward.serves_only(serving));
    let commands: Option<Vec<String>> =
        wrong.map(|(side, serving, resting)| fix::forward(side.rule, serving, resting).filter(|_| !sticky)).collect();
    let name = topology.group(live).map_or(live, |group| &group.name);
    commands.map_or_else(|| fix::promote(&topology.name, name), |commands| commands.join(" && "))
}

/// A rule that one command turns, where it holds nothing but a forward.
fn turn(what: String, side: &PortRule<'_>, serving: &str, resting: &str) -> Finding {
    match fix::forward(side.rule, serving, resting) {
        Some(fix) => Finding::blocks(what, fix),
        None => Finding::blocks(what, fix::show(side.rule)).by_looking(),
    }
}

/// Twin rules of which nothing tells the pair: they block where there is no other pair, or where they serve one of its
/// groups. A group that both ports share on purpose is in nobody's way.
fn unpaired(topology: &Topology, survey: &Survey<'_>, twin: &Twin<'_>) -> Finding {
    let serves = |group: &str| twin.live.forward.sends_to(group) || twin.test.forward.sends_to(group);
    if !survey.pairs.is_empty() && !survey.pairs.keys().any(|pair| serves(&pair.first) || serves(&pair.second)) {
        return Finding::notes(format!(
            "{} and port {} serve no group of a pair: a flip leaves them as they are",
            twin.live.describe(),
            twin.test.port
        ));
    }
    let group = twin.live.forward.groups().next().unwrap_or(LIVE_GROUP);
    turn(why_unpaired(topology, twin).words(&OPTIONS), &twin.test, TEST_GROUP, group)
}

/// A rule without a twin: it blocks where a flip could not move it.
fn unmatched(topology: &Topology, survey: &Survey<'_>, side: &PortRule<'_>) -> Finding {
    let other = survey.counterpart(side.port);
    let mut served = side.forward.targets.iter().filter(|target| target.weight > 0).map(|target| target.group.as_str());
    let paired = served.find_map(|group| {
        let pair = survey.pairs.keys().find(|pair| pair.holds(group))?;
        Some((group, pair.other(group)))
    });
    match paired {
        Some((group, partner)) => {
            let what = format!(
                "{} forwards to {}, but port {other} has no rule with the same conditions: a flip could not move it",
                side.describe(),
                topology.describe(group)
            );
            let listener = topology.listeners.get(&other);
            match listener.and_then(|listener| fix::counterpart(side.rule, &listener.arn, partner, group)) {
                Some(fix) => Finding::blocks(what, fix),
                None => Finding::blocks(what, fix::show(side.rule)).by_looking(),
            }
        }
        None => Finding::notes(format!(
            "{} has no counterpart on port {other} and sends nothing to a group of a pair: a flip leaves it as it is",
            side.describe()
        )),
    }
}

fn carried_action(side: &PortRule<'_>, carried: &blue_green::seen::topology::Carried) -> Option<Finding> {
    if carried.settings.is_none() {
        let what = format!(
            "{} holds an action of type {}, which this version ({}) cannot write back unchanged: take a later version, or the action out",
            side.describe(),
            carried.kind,
            env!("CARGO_PKG_VERSION")
        );
        return Some(Finding::blocks(what, fix::show(side.rule)).by_looking());
    }
    (carried.kind == "authenticate-cognito").then(|| {
        Finding::notes(format!(
            "{} signs users in with Cognito: the function's role needs cognito-idp:DescribeUserPoolClient as well",
            side.describe()
        ))
    })
}
