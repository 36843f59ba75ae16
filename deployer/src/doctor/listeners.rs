//! What is wrong with listeners and rules. Pure.

use blue_green::aws::exposure::Exposure;
use blue_green::pairs::untold;
use blue_green::ports::PortPair;
use blue_green::topology::{Serves, Topology};
use blue_green::twins::{Pair, Side, Survey, Twin, survey};
use blue_green::unfit::Unfit;

use super::finding::Finding;
use crate::mend;
use crate::options::in_options;
use crate::progress::{Progress, State};

/// Stands for the ARN of a group that nothing tells.
const LIVE_GROUP: &str = "LIVE_TARGET_GROUP_ARN";
/// Stands for the ARN of the other group of a pair.
const TEST_GROUP: &str = "TEST_TARGET_GROUP_ARN";

/// Examines the listeners; the survey comes along where there is one, without ports that lack their counterpart.
#[must_use]
pub fn examine<'a>(topology: &'a Topology, ports: &[PortPair]) -> (Vec<Finding>, Option<Survey<'a>>) {
    let mut findings = Vec::new();
    let mut ports = ports.to_vec();
    loop {
        match survey(topology, &ports) {
            Ok(survey) => {
                findings.extend(surveyed(topology, &survey));
                return (findings, Some(survey));
            }
            Err(unfit) => {
                let half = match &unfit {
                    Unfit::HalfPair { port, .. } => Some(*port),
                    _ => None,
                };
                findings.push(Finding::blocks(in_options(&unfit.to_string()), unfit_mend(topology, &ports, &unfit)));
                let Some(half) = half else { return (findings, None) };
                ports.retain(|pair| pair.live != half && pair.test != half);
                if !ports.iter().any(|pair| topology.listeners.contains_key(&pair.live)) {
                    return (findings, None);
                }
            }
        }
    }
}

fn unfit_mend(topology: &Topology, ports: &[PortPair], unfit: &Unfit) -> String {
    match unfit {
        Unfit::HalfPair { port, missing, .. } => {
            let there = topology.listeners.get(port).and_then(|listener| listener.rules.last()).and_then(|rule| rule.forward());
            let group = match there.map(blue_green::topology::Forward::serves) {
                Some(Serves::One(group)) => group,
                Some(Serves::Mixed) | None => LIVE_GROUP,
            };
            mend::listener(&topology.arn, *missing, TEST_GROUP, group)
        }
        Unfit::NoListeners { .. } => {
            let missing = ports.first().map_or(8080, |pair| pair.test);
            mend::listener(&topology.arn, missing, TEST_GROUP, LIVE_GROUP)
        }
        Unfit::NoForward { .. } => {
            let rules = topology.listeners.values().flat_map(|listener| listener.rules.last());
            let first = rules.map(|rule| mend::forward(rule, LIVE_GROUP, TEST_GROUP)).next();
            first.unwrap_or_else(|| format!("aws elbv2 describe-listeners --load-balancer-arn {}", topology.arn))
        }
        _ => format!("aws elbv2 describe-listeners --load-balancer-arn {}", topology.arn),
    }
}

fn surveyed(topology: &Topology, survey: &Survey<'_>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = survey.pairs.keys().filter_map(|pair| direction(topology, survey, pair)).collect();
    findings.extend(survey.lonely.iter().map(|index| lonely(topology, survey, &survey.twins[*index])));
    let tangled =
        survey.tangled.iter().map(|(_, unfit)| Finding::blocks(unfit.to_string(), unfit_mend(topology, &survey.ports, unfit)));
    findings.extend(tangled);
    findings.extend(survey.alone.iter().map(|side| alone(topology, survey, side)));
    for side in survey.twins.iter().flat_map(|twin| [&twin.live, &twin.test]) {
        findings.extend(side.rule.carried().filter_map(|carried| carried_action(side, carried)));
        if side.forward.stickiness.on {
            findings.push(Finding::notes(format!(
                "{} has group stickiness: a flip gives it one group of the pair alone, so that clients really move",
                side.describe()
            )));
        }
    }
    if survey.pairs.len() > 1 {
        findings.push(Finding::notes(format!(
            "{} carries {} pairs of target groups: a flip must name the ones to make live with PromoteTo",
            topology.name,
            survey.pairs.len()
        )));
    }
    findings.extend(survey.left.iter().cloned().map(Finding::notes));
    findings
}

/// Whether all rules of a pair tell the same way round.
fn direction(topology: &Topology, survey: &Survey<'_>, pair: &Pair) -> Option<Finding> {
    let twins: Vec<&Twin<'_>> = survey.pairs[pair].iter().map(|index| &survey.twins[*index]).collect();
    let weights = |side: &Side<'_>| format!("{} forwards to {}", side.describe(), topology.weights(side.forward));
    let serves = |live: &str, test: &str| {
        twins.iter().all(|twin| twin.live.forward.serves_only(live) && twin.test.forward.serves_only(test))
    };
    let flip = Progress::of(topology, survey, pair);
    if let Some(flip) = flip.as_ref().filter(|flip| flip.state == State::HalfDone) {
        let to = topology.group(&flip.promoted).map_or(&flip.promoted, |group| &group.name);
        let look = format!("deployer plan --elb {} --promote-to {to}", topology.name);
        return Some(Finding::warns(flip.sentence(topology), look));
    }
    let promote = |arn: &str| mend::promote(&topology.name, topology.group(arn).map_or(arn, |group| &group.name));
    for (live, test) in [(&pair.first, &pair.second), (&pair.second, &pair.first)] {
        if serves(live, test) {
            let flip = flip.as_ref().filter(|flip| flip.promoted != *live)?;
            let (live, test) = (topology.describe(live), topology.describe(test));
            let what = if flip.state == State::Undone {
                format!(
                    "flip {} of {} made {test} live, and somebody put the rules back since: {live} is live, while the labels still tell of \
                     that flip. A check (\"Action\":\"check\") ends it too; the labels follow with the next one",
                    flip.id, flip.time
                )
            } else {
                format!(
                    "flip {} of {} was to make {test} live, but {live} is: it was never made, or somebody moved the traffic by hand. Where \
                     it is over for good, end it",
                    flip.id, flip.time
                )
            };
            return Some(Finding::warns(what, flip.end()));
        }
    }
    if let Some(mixed) = twins.iter().map(|twin| &twin.live).find(|side| side.forward.serves() == Serves::Mixed) {
        let heaviest = mixed.forward.targets.iter().max_by_key(|target| target.weight)?;
        let other = if pair.holds(&heaviest.group) { pair.other(&heaviest.group) } else { TEST_GROUP };
        return Some(Finding::blocks(
            format!("{}: its weights are mixed, expected one group with all of the traffic", weights(mixed)),
            mend::forward(mixed.rule, &heaviest.group, other),
        ));
    }
    for group in [&pair.first, &pair.second] {
        if serves(group, group) {
            return Some(Finding::blocks(
                format!("both ports forward to {}, so nothing tells which version is wanted", topology.describe(group)),
                promote(group),
            ));
        }
    }
    let rules: Vec<String> = twins.iter().flat_map(|twin| [&twin.live, &twin.test]).map(weights).collect();
    let why = "the load balancer is half-flipped, and no journal tells which way is meant";
    let what = format!("the rules disagree about which version is live: {}; {why}", rules.join("; "));
    Some(Finding::blocks(what, promote("TARGET_GROUP_NAME")))
}

/// Twin rules of which nothing tells the pair: they block where there is no other pair, or where they serve one of its
/// groups. A group that both ports share on purpose is in nobody's way.
fn lonely(topology: &Topology, survey: &Survey<'_>, twin: &Twin<'_>) -> Finding {
    let serves = |group: &str| twin.live.forward.sends_to(group) || twin.test.forward.sends_to(group);
    if !survey.pairs.is_empty() && !survey.pairs.keys().any(|pair| serves(&pair.first) || serves(&pair.second)) {
        return Finding::notes(format!(
            "{} and port {} serve no group of a pair: a flip leaves them as they are",
            twin.live.describe(),
            twin.test.port
        ));
    }
    let group = twin.live.forward.groups().next().unwrap_or(LIVE_GROUP);
    Finding::blocks(untold(topology, twin).to_string(), mend::forward(twin.test.rule, TEST_GROUP, group))
}

/// A rule without a twin: it blocks where a flip would leave it behind.
fn alone(topology: &Topology, survey: &Survey<'_>, side: &Side<'_>) -> Finding {
    let ports = survey.ports.iter().find(|ports| ports.live == side.port || ports.test == side.port);
    let other = ports.map_or(side.port, |ports| if ports.live == side.port { ports.test } else { ports.live });
    let mut served = side.forward.targets.iter().filter(|target| target.weight > 0).map(|target| target.group.as_str());
    let paired = served.find_map(|group| {
        let pair = survey.pairs.keys().find(|pair| pair.holds(group))?;
        Some((group, pair.other(group)))
    });
    match paired {
        Some((group, partner)) => Finding::blocks(
            format!(
                "{} forwards to {}, but port {other} has no rule with the same conditions: a flip would leave it behind",
                side.describe(),
                topology.describe(group)
            ),
            topology.listeners.get(&other).map_or_else(
                || format!("aws elbv2 describe-listeners --load-balancer-arn {}", topology.arn),
                |listener| mend::counterpart(side.rule, &listener.arn, partner, group),
            ),
        ),
        None => Finding::notes(format!(
            "{} has no counterpart on port {other} and sends nothing to a group of a pair: a flip leaves it as it is",
            side.describe()
        )),
    }
}

fn carried_action(side: &Side<'_>, carried: &blue_green::topology::Carried) -> Option<Finding> {
    if carried.settings.is_none() {
        return Some(Finding::blocks(
            format!(
                "{} holds an action of type {}, which this version cannot write back unchanged",
                side.describe(),
                carried.kind
            ),
            "deployer --version".to_owned(),
        ));
    }
    (carried.kind == "authenticate-cognito").then(|| {
        Finding::notes(format!(
            "{} signs users in with Cognito: the function's role needs cognito-idp:DescribeUserPoolClient as well",
            side.describe()
        ))
    })
}

/// Test ports that the internet may reach. Which addresses the security groups let in is EC2's business; the command
/// shuts out everybody, whom they would let in otherwise.
#[must_use]
pub fn exposed(topology: &Topology, ports: &[PortPair], exposure: &Exposure) -> Vec<Finding> {
    if !exposure.internet_facing {
        return Vec::new();
    }
    let groups = exposure.security_groups.join(" and ");
    let group = exposure.security_groups.first().map_or("SECURITY_GROUP_ID", String::as_str);
    let tests = ports.iter().map(|pair| pair.test).filter(|port| topology.listeners.contains_key(port));
    let found = tests.map(|port| {
        let who = if groups.is_empty() { "its security groups let".to_owned() } else { format!("security group {groups} lets") };
        Finding::warns(
            format!("the load balancer is internet-facing: whoever {who} in sees the rehearsal on test port {port}"),
            format!("aws ec2 revoke-security-group-ingress --group-id {group} --protocol tcp --port {port} --cidr 0.0.0.0/0"),
        )
    });
    found.collect()
}
