//! What is wrong with target groups: tags, health, size. Pure.

use std::collections::BTreeMap;

use blue_green::asked::parameters::is_image_tag;
use blue_green::plan::behind::Behind;
use blue_green::plan::labels::Running;
use blue_green::release::fence::Fence;
use blue_green::release::guard::required;
use blue_green::release::journal::Journal;
use blue_green::seen::group::{IDENTIFIER, IMAGE, IS_PRODUCTION, SERVICE, TargetGroup};
use blue_green::seen::names::OPTIONS;
use blue_green::seen::pair::Pair;
use blue_green::seen::side::Side;
use blue_green::seen::survey::Survey;
use blue_green::seen::topology::Topology;
use jiff::Timestamp;

use super::finding::Finding;
use crate::fence::described;
use crate::fix;
use crate::progress::Progress;
use crate::verbs::build::codes::identifiers;

/// Examines the groups of a load balancer that has no pair.
#[must_use]
pub fn unpaired(topology: &Topology, running: &BTreeMap<String, Running>) -> Vec<Finding> {
    let of = |group: &TargetGroup| of_group(topology, group, None, running.get(&group.arn));
    topology.groups.values().flat_map(|group| health_checks(group).into_iter().chain(of(group))).collect()
}

/// Examines the labels of a pair's groups: what a build reads.
#[must_use]
pub fn examine(topology: &Topology, survey: &Survey<'_>, pair: &Pair, running: &BTreeMap<String, Running>) -> Vec<Finding> {
    let Some(groups) = groups_of(topology, pair) else { return Vec::new() };
    let half_done = Progress::open(topology, survey, pair).is_some();
    let mut findings = identity(groups);
    for group in groups {
        let live = survey.is_live(pair, &group.arn).filter(|_| !half_done);
        findings.extend(of_group(topology, group, live, running.get(&group.arn)));
    }
    findings
}

/// Whether the group that the next flip makes live could take the traffic.
#[must_use]
pub fn health(topology: &Topology, survey: &Survey<'_>, pair: &Pair, running: &BTreeMap<String, Running>) -> Vec<Finding> {
    let Some(groups) = groups_of(topology, pair) else { return Vec::new() };
    let mut findings: Vec<Finding> = groups.into_iter().filter_map(health_checks).collect();
    let [first, second] = groups;
    findings.extend(match (survey.is_live(pair, &first.arn), survey.is_live(pair, &second.arn)) {
        _ if Progress::open(topology, survey, pair).is_some() => None,
        (Some(true), Some(false)) => size(first, second, running),
        (Some(false), Some(true)) => size(second, first, running),
        _ => None,
    });
    findings
}

fn health_checks(group: &TargetGroup) -> Option<Finding> {
    (!group.health_checks).then(|| {
        Finding::blocks(
            format!("{} has no health checks: none of its targets ever counts as healthy", group.name),
            format!("aws elbv2 modify-target-group --target-group-arn {} --health-check-enabled", group.arn),
        )
    })
}

/// How many free tags a group should have at least: fewer, and a few more flips have no room for their records.
const FREE_TAGS: usize = 8;

/// What is wrong with the records of a pair's flips: too little room, records that cannot be read, a flip that nobody goes on with.
#[must_use]
pub fn records(topology: &Topology, survey: &Survey<'_>, pair: &Pair, now: Timestamp) -> Vec<Finding> {
    let mut findings = Vec::new();
    let journal = Journal::of_pair(topology, pair);
    for side in Side::BOTH {
        let (arn, free) = (pair.arn(side), journal.free(side));
        if free < FREE_TAGS {
            let what = format!(
                "{} has room for {free} more tags: AWS takes 50 a target group, and a flip needs 4. Remove tags that nobody needs",
                topology.short(arn)
            );
            findings.push(Finding::warns(what, format!("aws elbv2 describe-tags --resource-arns {arn}")).by_looking());
        }
    }
    for (side, key) in journal.unreadable() {
        let name = topology.short(pair.arn(*side));
        findings
            .push(Finding::notes(format!("tag {key} of {name} is no record that this version can read; it counts as absent")));
    }
    if let Some(stuck) = Progress::of(topology, survey, pair).filter(|progress| progress.is_stuck(now)) {
        let command = format!("deployer close-flip --elb {}", topology.name);
        findings.push(Finding::warns(format!("{}; it is older than 20 minutes", stuck.sentence(topology)), command));
    }
    findings
}

/// One service behind both groups of a pair, of which a check says the same.
#[must_use]
pub fn one_service(topology: &Topology, pair: &Pair, behind: &Behind) -> Option<Finding> {
    let one_service = behind.one_service(topology, pair)?;
    Some(Finding::blocks(one_service.words(&OPTIONS), SERVICES.to_owned()).by_looking())
}

/// What is not certain of the services behind the groups: several behind one, or none where a tag says one.
#[must_use]
pub fn doubts(topology: &Topology, behind: &Behind) -> Vec<Finding> {
    let unclear = behind.unclear.iter().map(|(arn, several)| {
        let what = format!("what {} runs is not certain: {}", topology.short(arn), several.join("; "));
        Finding::warns(what, SERVICES.to_owned()).by_looking()
    });
    let doubts = behind.doubts.iter().map(|doubt| Finding::warns(doubt.clone(), SERVICES.to_owned()).by_looking());
    unclear.chain(doubts).collect()
}

/// Shows services.
const SERVICES: &str = "aws ecs describe-services --cluster CLUSTER --services SERVICE";

/// Labels that disagree with the listeners or with ECS: what `deployer status` warns of.
#[must_use]
pub fn labels(group: &TargetGroup, live: Option<bool>, running: Option<&Running>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(live) = live {
        let wanted = if live { "true" } else { "false" };
        if group.tag(IS_PRODUCTION) != Some(wanted) {
            let found = group.tag(IS_PRODUCTION).unwrap_or("missing");
            let place = if live { "it is live" } else { "it is not live" };
            findings.push(Finding::warns(
                format!("the {IS_PRODUCTION} tag of {} is {found}, but {place}", group.name),
                fix::tag(&group.arn, IS_PRODUCTION, wanted),
            ));
        }
    }
    if let (Some(tagged), Some(running)) = (group.image(), running)
        && running.tag.as_deref() != Some(tagged)
    {
        let under_way = if running.settled.is_none() { " (a deployment is under way)" } else { "" };
        findings.push(Finding::warns(
            format!(
                "the {IMAGE} tag of {} is {tagged}, but its service {} runs {}{under_way}",
                group.name, running.service, running.image
            ),
            fix::tag(&group.arn, IMAGE, running.tag.as_deref().unwrap_or("IMAGE_TAG")),
        ));
    }
    findings
}

fn groups_of<'a>(topology: &'a Topology, pair: &Pair) -> Option<[&'a TargetGroup; 2]> {
    Some([topology.group(&pair.first)?, topology.group(&pair.second)?])
}

fn identity(groups: [&TargetGroup; 2]) -> Vec<Finding> {
    let Err(wanted) = identifiers(groups) else { return Vec::new() };
    let wrong = groups.into_iter().zip(wanted).filter(|(group, wanted)| group.identifier() != Some(*wanted));
    let found = wrong.map(|(group, wanted)| {
        let tag = group.identifier().map_or_else(|| "missing".to_owned(), |tag| format!("{tag:?}"));
        Finding::blocks(
            format!("the {IDENTIFIER} tag of {} is {tag}; a pair has Code1 on one group and Code2 on the other", group.name),
            fix::tag(&group.arn, IDENTIFIER, wanted),
        )
    });
    found.collect()
}

fn of_group(topology: &Topology, group: &TargetGroup, live: Option<bool>, running: Option<&Running>) -> Vec<Finding> {
    let mut findings = labels(group, live, running);
    findings.extend(image(group, live, running));
    if group.tag(SERVICE).is_none() {
        let service = running.map_or("CLUSTER/SERVICE", |running| &running.service);
        let found = running.map_or("no ECS service names it", |_| "its service had to be searched for");
        findings.push(Finding::warns(
            format!("{} has no {SERVICE} tag ({found}): a check before the approval cannot tell what runs there", group.name),
            fix::tag(&group.arn, SERVICE, service),
        ));
    }
    if group.sticky {
        findings.push(Finding::notes(format!(
            "the targets of {} are sticky: a flip gives its rules one group alone, and a roll-back waits for health checks",
            group.name
        )));
    }
    if let Some(fence) = Fence::of(group) {
        findings.push(Finding::warns(
            format!(
                "{}: {}. This blocks everyone but execution {}",
                group.describe(),
                described(&fence, running),
                fence.execution
            ),
            format!(
                "deployer unfence --elb {} --group {}  # only if {} will never finish",
                topology.name, group.name, fence.execution
            ),
        ));
    }
    findings
}

/// A missing image blocks the next build where the group is live and ECS does not know it either.
fn image(group: &TargetGroup, live: Option<bool>, running: Option<&Running>) -> Option<Finding> {
    if group.image().is_some_and(is_image_tag) {
        return None;
    }
    let found = group.image().map_or_else(|| "missing".to_owned(), |tag| format!("{tag:?}, which no registry takes"));
    let what = format!("the {IMAGE} tag of {} is {found}", group.name);
    let runs = running.and_then(|running| running.tag.as_deref()).filter(|tag| is_image_tag(tag));
    let fix = fix::tag(&group.arn, IMAGE, runs.unwrap_or("IMAGE_TAG"));
    Some(match (runs, live) {
        (Some(runs), _) => Finding::warns(format!("{what}; ECS runs {runs}"), fix),
        (None, Some(false)) => Finding::warns(what, fix),
        (None, Some(true) | None) => Finding::blocks(format!("{what}, and ECS does not tell what runs there"), fix),
    })
}

/// Whether the test side could take the traffic.
fn size(live: &TargetGroup, test: &TargetGroup, running: &BTreeMap<String, Running>) -> Option<Finding> {
    let needed = required(live.healthy(), 100);
    if test.healthy() >= needed || !test.health_checks {
        return None;
    }
    let what = format!(
        "{} has {} healthy targets of {} registered, {needed} are required ({} serve now)",
        test.describe(),
        test.healthy(),
        test.registered(),
        live.healthy()
    );
    let service = running.get(&test.arn).map(|running| running.service.as_str()).or(test.tag(SERVICE));
    // Enough targets, but ill: more of them would not help.
    if test.registered() >= needed {
        return Some(
            Finding::blocks(what, format!("aws elbv2 describe-target-health --target-group-arn {}", test.arn)).by_looking(),
        );
    }
    let fix = match service.and_then(|service| service.split_once('/')) {
        Some((cluster, service)) => {
            format!("aws ecs update-service --cluster {cluster} --service {service} --desired-count {needed}")
        }
        None => format!("aws ecs update-service --cluster CLUSTER --service SERVICE --desired-count {needed}"),
    };
    Some(Finding::blocks(what, fix))
}
