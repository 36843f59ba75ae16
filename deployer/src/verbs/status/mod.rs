//! `deployer status`: which version is on which port, and whether the labels tell the truth.

mod records;
mod version;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use blue_green::aws::codepipeline::approvals::Waiting;
use blue_green::plan::labels::Running;
use blue_green::seen::survey::{Survey, survey};
use blue_green::seen::topology::Topology;
use blue_green::seen::twins::PortRule;
use serde::Serialize;

use self::records::{LastFlip, Records};
use self::version::{Fenced, Role, Version, sides, table, version};
use crate::args::StatusArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::progress::Progress;
use crate::session::Session;
use crate::verbs::approval;
use crate::verbs::doctor::{Finding, Severity, groups, listeners};

/// Reads a load balancer and shows it.
///
/// # Errors
/// A [`Failure`] where it cannot be read, or has nothing that could be flipped.
pub async fn run(args: &StatusArgs) -> Result<Exit, Failure> {
    let StatusArgs { show: args, pipeline } = args;
    let session = Session::open(args.target.timeout).await?;
    let topology = session.reader().topology(&args.target.elb).await?;
    let mut survey = survey(&topology, &args.target.ports.0)?;
    if let Some(group) = &args.group {
        survey = survey.only(&topology, group)?;
    }
    let groups: Vec<_> = topology.groups.values().collect();
    let behind = session.behind(&groups, args.cluster.name()).await?;
    let mut found = listeners::surveyed(&topology, &survey);
    found.extend(survey.pairs.keys().filter_map(|pair| groups::one_service(&topology, pair, &behind)));
    found.extend(groups::doubts(&topology, &behind));
    let mut status = Status::new(&topology, &survey, &behind.running, found);
    if let Some(pipeline) = pipeline {
        status.approval = session.approvals(pipeline).waiting().await?;
    }
    if args.json {
        output::json(&status)?;
    } else {
        output::print(&status)?;
        if let (Some(pipeline), Some(waiting)) = (pipeline, &status.approval) {
            output::print(&format_args!("\n{}\n", approval::described(pipeline, waiting)))?;
        }
        status.warn();
    }
    Ok(Exit::Done)
}

#[derive(Debug, Serialize)]
struct Status {
    load_balancer: String,
    arn: String,
    versions: Vec<Version>,
    rules: Vec<Rule>,
    /// The flip of each pair, where it has one; groups by name.
    flips: Vec<LastFlip>,
    /// The records of each pair.
    records: Vec<Records>,
    warnings: Vec<Finding>,
    notes: Vec<String>,
    /// The approval that waits in the pipeline that was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    approval: Option<Waiting>,
}

#[derive(Debug, Serialize)]
struct Rule {
    port: u16,
    rule: String,
    /// By the group's name.
    weights: BTreeMap<String, i32>,
}

impl Status {
    fn new(topology: &Topology, survey: &Survey<'_>, running: &BTreeMap<String, Running>, found: Vec<Finding>) -> Self {
        let mut status = Self {
            load_balancer: topology.name.clone(),
            arn: topology.arn.clone(),
            versions: Vec::new(),
            rules: sides(survey).map(|side| rule(topology, side)).collect(),
            flips: Vec::new(),
            records: Vec::new(),
            warnings: found.into_iter().filter(|finding| finding.severity != Severity::Notes).collect(),
            notes: survey.untouched.clone(),
            approval: None,
        };
        let mut unpaired: BTreeSet<&String> = topology.groups.keys().collect();
        for pair in survey.pairs.keys() {
            let both = [&pair.first, &pair.second].map(|arn| (survey.is_live(pair, arn), topology.group(arn)));
            let progress = Progress::of(topology, survey, pair);
            let settled = Progress::open(topology, survey, pair).is_none();
            let mut versions = Vec::new();
            for (live, group) in both {
                let Some(group) = group else { continue };
                unpaired.remove(&group.arn);
                // Both at once: neither takes all of the live traffic.
                let clear = both.iter().any(|(live, _)| *live == Some(true));
                let role = match live {
                    Some(true) => Role::Live,
                    Some(false) if clear => Role::Test,
                    Some(false) | None => Role::Unclear,
                };
                versions.push(version(group, role, survey, running));
                status.warnings.extend(groups::labels(group, live.filter(|_| clear && settled), running.get(&group.arn)));
            }
            versions.sort_by_key(|version| version.role);
            status.versions.append(&mut versions);
            status.flips.extend(progress.map(|flip| LastFlip::new(topology, flip)));
            status.records.push(Records::new(topology, pair));
        }
        let unpaired = unpaired.into_iter().filter_map(|arn| topology.group(arn));
        status.versions.extend(unpaired.map(|group| version(group, Role::Unpaired, survey, running)));
        status
    }

    /// Warnings go to standard error, after the table.
    fn warn(&self) {
        for warning in &self.warnings {
            output::warn(&warning.what);
            warning.fix.iter().chain(&warning.look).for_each(|fix| output::step(&format!("  {fix}")));
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}", self.load_balancer, table(&self.versions))?;
        for flip in &self.flips {
            writeln!(f, "{flip}")?;
        }
        for records in &self.records {
            write!(f, "{records}")?;
        }
        for version in &self.versions {
            if let Some(Fenced { means, .. }) = &version.fence {
                writeln!(f, "fence around {}: {means}", version.group)?;
            }
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "note: {note}"))
    }
}

fn rule(topology: &Topology, side: &PortRule<'_>) -> Rule {
    let name = |arn: &String| topology.group(arn).map_or(arn, |group| &group.name).clone();
    let weights = side.forward.targets.iter().map(|target| (name(&target.group), target.weight)).collect();
    Rule { port: side.port, rule: side.rule.describe(), weights }
}
