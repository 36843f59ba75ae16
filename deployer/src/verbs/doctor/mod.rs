//! `deployer doctor`: what keeps an existing load balancer from being flipped, each with the command that fixes it.

mod exposed;
mod finding;
pub mod groups;
pub mod listeners;

use std::collections::BTreeSet;
use std::fmt;

use blue_green::asked::parameters::{Action, Parameters};
use blue_green::aws::elb::exposure::Exposure;
use blue_green::aws::failure::{AwsFailure, Class};
use blue_green::plan::behind::Behind;
use blue_green::release::fence::Fence;
use blue_green::release::id::Asker;
use blue_green::report::foresee::foresee;
use blue_green::seen::names::OPTIONS;
use blue_green::seen::pair::Pair;
use blue_green::seen::ports::PortPair;
use blue_green::seen::survey::{Survey, survey};
use blue_green::seen::topology::Topology;
use comfy_table::{Cell, Color, Table};
use jiff::Timestamp;
use serde::Serialize;

pub use finding::{Finding, Severity};

use crate::args::ShowArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::progress::Progress;
use crate::session::Session;
use exposed::Doors;

/// Examines a load balancer and shows what it finds.
///
/// # Errors
/// A [`Failure`] where it cannot be read. Findings are no error; where one of them blocks, the exit code is 3.
pub async fn run(args: &ShowArgs) -> Result<Exit, Failure> {
    let session = Session::open(args.target.timeout).await?;
    let topology = session.guarded(&args.target.elb).await?;
    let exposure = session.exposure(&topology.arn).await?;
    let doors = doors(&session, &exposure).await?;
    let groups: Vec<_> = topology.groups.values().collect();
    let behind = session.behind(&groups, args.cluster.name()).await?;
    let seen = Seen {
        topology: &topology,
        ports: &args.target.ports.0,
        group: args.group.as_deref(),
        behind: &behind,
        exposure: &exposure,
        doors: &doors,
    };
    let findings = examine(&seen, Timestamp::now());
    let only_for =
        survey(&topology, &args.target.ports.0).map_or_else(|_| BTreeSet::new(), |survey| only_for(&topology, &survey));
    let blocks = findings.iter().any(|finding| finding.severity == Severity::Blocks);
    let shown = Shown { load_balancer: &topology.name, fit: !blocks, only_for, findings: &findings };
    if args.json {
        output::json(&shown)?
    } else {
        output::print(&shown)?
    }
    Ok(if blocks { Exit::Refused } else { Exit::Done })
}

/// Whom the security groups let in. Not to be allowed to know that keeps nobody from a diagnosis.
async fn doors(session: &Session, exposure: &Exposure) -> Result<Doors, AwsFailure> {
    if exposure.security_groups.is_empty() {
        return Ok(Doors::Unknown("AWS names none".to_owned()));
    }
    match session.ingress(&exposure.security_groups).await {
        Ok(rules) => Ok(Doors::Known(rules)),
        Err(failure) if failure.class == Class::Permission => Ok(Doors::Unknown(failure.what())),
        Err(failure) => Err(failure),
    }
}

/// Everything that is examined.
pub struct Seen<'a> {
    /// Listeners, rules, groups.
    pub topology: &'a Topology,
    /// The ports that are to be flipped.
    pub ports: &'a [PortPair],
    /// The group whose pair is examined alone.
    pub group: Option<&'a str>,
    /// What ECS runs.
    pub behind: &'a Behind,
    /// Who can reach it.
    pub exposure: &'a Exposure,
    /// Whom its security groups let in.
    pub doors: &'a Doors,
}

/// Examines what was seen. Pure; what blocks comes first. Each pair is judged by the flip of it that `deployer plan
/// --group` foresees: where that flip is made, nothing that was found of its rules blocks; where it is refused, something
/// does.
#[must_use]
pub fn examine(seen: &Seen<'_>, now: Timestamp) -> Vec<Finding> {
    let (mut findings, survey) = listeners::examine(seen.topology, seen.ports, seen.group);
    match survey.as_ref().filter(|survey| !survey.pairs.is_empty()) {
        Some(survey) => {
            findings.extend(listeners::several(seen.topology, survey));
            for pair in survey.pairs.keys() {
                for finding in of_pair(seen, &survey.of(pair), pair, now) {
                    // What concerns several pairs is told once, as bad as it is for one of them.
                    match findings.iter_mut().find(|told| told.what == finding.what) {
                        Some(told) => told.severity = told.severity.min(finding.severity),
                        None => findings.push(finding),
                    }
                }
            }
        }
        None => {
            findings.extend(survey.iter().flat_map(|survey| listeners::surveyed(seen.topology, survey)));
            findings.extend(groups::unpaired(seen.topology, &seen.behind.running));
        }
    }
    findings.extend(groups::doubts(seen.topology, seen.behind));
    findings.extend(exposed::examine(seen.topology, seen.ports, seen.exposure, seen.doors));
    findings.sort_by_key(|finding| finding.severity);
    findings
}

/// Examines one pair, on the survey of it alone.
fn of_pair(seen: &Seen<'_>, survey: &Survey<'_>, pair: &Pair, now: Timestamp) -> Vec<Finding> {
    let mut findings = listeners::surveyed(seen.topology, survey);
    findings.extend(groups::health(seen.topology, survey, pair, &seen.behind.running));
    let blocks = |findings: &[Finding]| findings.iter().any(|finding| finding.severity == Severity::Blocks);
    match refused(seen, survey, pair, now) {
        Some(refusal) if !blocks(&findings) => findings.push(refusal),
        Some(_) => {}
        None => findings.iter_mut().for_each(|finding| finding.severity = finding.severity.max(Severity::Warns)),
    }
    findings.extend(groups::examine(seen.topology, survey, pair, &seen.behind.running));
    findings.extend(groups::one_service(seen.topology, pair, seen.behind));
    findings.extend(groups::records(seen.topology, survey, pair, now));
    findings
}

/// The ARN of the group that the next flip makes live: that of a flip to be finished, else the one on the test port.
fn next(topology: &Topology, survey: &Survey<'_>, pair: &Pair) -> Option<String> {
    if let Some(flip) = Progress::open(topology, survey, pair) {
        return Some(flip.promoted);
    }
    let live = survey.is_live(pair, &pair.first)?;
    Some(if live { pair.second.clone() } else { pair.first.clone() })
}

/// The executions whose fences stand around what the next flip would make live.
fn only_for(topology: &Topology, survey: &Survey<'_>) -> BTreeSet<String> {
    let groups = survey.pairs.keys().filter_map(|pair| next(topology, survey, pair));
    groups.filter_map(|group| Some(Fence::of(topology.group(&group)?)?.execution)).collect()
}

/// What the flip itself says of a pair where nobody names the group to make live.
fn refused(seen: &Seen<'_>, survey: &Survey<'_>, pair: &Pair, now: Timestamp) -> Option<Finding> {
    let fence = next(seen.topology, survey, pair).and_then(|group| Fence::of(seen.topology.group(&group)?));
    let asked = Parameters {
        elb_name: seen.topology.name.clone(),
        action: Action::Check,
        promote_to: Vec::new(),
        promote_image: None,
        // A standing fence is told by itself.
        execution: fence.map(|fence| fence.execution),
        min_capacity: 100,
        force: false,
        ports: seen.ports.to_vec(),
    };
    // The table for a flip that nobody has seen: the fence's own execution may have flipped before.
    let asker = Asker::new(None, &asked.promote_to, "doctor");
    let refusal = foresee(seen.topology, survey, &asked, &asker, now).err()?;
    let group = seen.topology.group(&pair.first).map_or(&pair.first, |group| &group.name);
    let look = format!("deployer plan --elb {} --group {group}", seen.topology.name);
    Some(Finding::blocks(refusal.words(&OPTIONS), look).by_looking())
}

#[derive(Serialize)]
struct Shown<'a> {
    load_balancer: &'a str,
    fit: bool,
    /// The executions whose fences keep every other one from flipping.
    only_for: BTreeSet<String>,
    findings: &'a [Finding],
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.findings.is_empty() {
            writeln!(f, "{}", table(self.findings))?;
        }
        // Beside the table, each on a line of its own, so that they can be copied whole.
        let fixes = self.findings.iter().map(|finding| finding.fix.as_ref());
        commands(f, "To fix (words in capitals are to be filled in):", fixes)?;
        let looks = self.findings.iter().map(|finding| finding.look.as_ref());
        commands(f, "To look at first, since no command can decide it:", looks)?;
        if self.findings.iter().any(|finding| finding.fix.is_some() || finding.look.is_some()) {
            writeln!(f)?;
        }
        let count = |severity: Severity| self.findings.iter().filter(|finding| finding.severity == severity).count();
        let (blocking, warning) = (count(Severity::Blocks), count(Severity::Warns));
        let only_for: Vec<&str> = self.only_for.iter().map(String::as_str).collect();
        if self.fit && !only_for.is_empty() {
            let only_for = only_for.join(" and ");
            writeln!(
                f,
                "{} can be flipped by execution {only_for} alone: its fence blocks everyone else; {warning} to look at.",
                self.load_balancer
            )
        } else if self.fit {
            writeln!(f, "{} can be flipped: nothing blocks, {warning} to look at.", self.load_balancer)
        } else {
            writeln!(f, "{} cannot be flipped yet: {blocking} blocking, {warning} to look at.", self.load_balancer)
        }
    }
}

/// The commands of the findings that have one, by the findings' numbers.
fn commands<'a>(f: &mut fmt::Formatter<'_>, title: &str, commands: impl Iterator<Item = Option<&'a String>>) -> fmt::Result {
    let commands: Vec<_> = (1..).zip(commands).filter_map(|(number, command)| Some((number, command?))).collect();
    if commands.is_empty() {
        return Ok(());
    }
    writeln!(f, "\n{title}")?;
    commands.iter().try_for_each(|(number, command)| writeln!(f, "{number:>3}  {command}"))
}

fn table(findings: &[Finding]) -> Table {
    let mut table = output::table(&["", "", "found"]);
    for (number, finding) in (1..).zip(findings) {
        let colour = match finding.severity {
            Severity::Blocks => Color::Red,
            Severity::Warns => Color::Yellow,
            Severity::Notes => Color::Reset,
        };
        table.add_row(vec![Cell::new(number), Cell::new(finding.severity).fg(colour), Cell::new(&finding.what)]);
    }
    table
}
