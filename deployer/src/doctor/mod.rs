//! `deployer doctor`: what keeps an existing load balancer from being flipped, each with the command that mends it.

mod finding;
pub mod groups;
pub mod listeners;

use std::collections::BTreeMap;
use std::fmt;

use blue_green::aws::exposure::Exposure;
use blue_green::labels::Running;
use blue_green::parameters::{Action, Parameters};
use blue_green::plan::{Asker, plan};
use blue_green::ports::PortPair;
use blue_green::topology::Topology;
use comfy_table::{Cell, Color, Table};
use jiff::Timestamp;
use serde::Serialize;

pub use finding::{Finding, Severity};

use crate::args::ShowArgs;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::session::Session;

/// Examines a load balancer and shows what it finds.
///
/// # Errors
/// A [`Failure`] where it cannot be read. Findings are no error; where one of them blocks, the exit code is 3.
pub async fn run(args: &ShowArgs) -> Result<Exit, Failure> {
    let session = Session::open(args.target.timeout).await?;
    let topology = session.reader().topology(&args.target.elb, &args.target.ports.0).await?;
    let exposure = session.exposure(&topology.arn).await?;
    let groups: Vec<_> = topology.groups.values().collect();
    let running = session.ecs().behind(&groups, args.cluster.name()).await?;
    let seen = Seen { topology: &topology, ports: &args.target.ports.0, running: &running, exposure: &exposure };
    let findings = examine(&seen, Timestamp::now());
    let blocks = findings.iter().any(|finding| finding.severity == Severity::Blocks);
    let shown = Shown { load_balancer: &topology.name, fit: !blocks, findings: &findings };
    if args.json {
        output::json(&shown)?
    } else {
        output::print(&shown)?
    }
    Ok(if blocks { Exit::Refused } else { Exit::Done })
}

/// Everything that is examined.
pub struct Seen<'a> {
    /// Listeners, rules, groups.
    pub topology: &'a Topology,
    /// The ports that are to be flipped.
    pub ports: &'a [PortPair],
    /// What ECS runs, by the group's ARN.
    pub running: &'a BTreeMap<String, Running>,
    /// Who can reach it.
    pub exposure: &'a Exposure,
}

/// Examines what was seen. Pure; what blocks comes first.
#[must_use]
pub fn examine(seen: &Seen<'_>, now: Timestamp) -> Vec<Finding> {
    let (mut findings, survey) = listeners::examine(seen.topology, seen.ports);
    findings.extend(groups::examine(seen.topology, survey.as_ref(), seen.running));
    findings.extend(listeners::exposed(seen.topology, seen.ports, seen.exposure));
    if let Some(survey) = survey.filter(|_| findings.iter().all(|finding| finding.severity != Severity::Blocks)) {
        let tests = survey.pairs.keys().filter_map(|pair| {
            let live = blue_green::labels::is_live(&survey, pair, &pair.first)?;
            Some(if live { &pair.second } else { &pair.first })
        });
        findings.extend(tests.filter_map(|test| refused(seen, test, now)));
    }
    findings.sort_by_key(|finding| finding.severity);
    findings
}

/// What the flip itself says, so that nothing it would refuse for goes unmentioned.
fn refused(seen: &Seen<'_>, test: &str, now: Timestamp) -> Option<Finding> {
    let fence = blue_green::journal::Marks::of(seen.topology.group(test)?).fence;
    let asked = Parameters {
        elb_name: seen.topology.name.clone(),
        action: Action::Check,
        promote_to: vec![test.to_owned()],
        promote_image: None,
        // A standing fence is told by itself.
        execution: fence.map(|fence| fence.execution),
        min_capacity: 100,
        force: false,
        ports: seen.ports.to_vec(),
    };
    let refusal = plan(seen.topology, &asked, &Asker::new(&asked, "doctor"), now).err()?;
    let look = format!("deployer plan --elb {} --promote-to {}", seen.topology.name, seen.topology.group(test)?.name);
    Some(Finding::blocks(refusal.to_string(), look))
}

#[derive(Serialize)]
struct Shown<'a> {
    load_balancer: &'a str,
    fit: bool,
    findings: &'a [Finding],
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.findings.is_empty() {
            writeln!(f, "{}", table(self.findings))?;
        }
        // Beside the table, each on a line of its own, so that they can be copied whole.
        let mends: Vec<_> =
            (1..).zip(self.findings).filter_map(|(number, finding)| Some((number, finding.mend.as_ref()?))).collect();
        if !mends.is_empty() {
            writeln!(f, "\nTo mend (words in capitals are to be filled in):")?;
            mends.iter().try_for_each(|(number, mend)| writeln!(f, "{number:>3}  {mend}"))?;
            writeln!(f)?;
        }
        let count = |severity: Severity| self.findings.iter().filter(|finding| finding.severity == severity).count();
        let (blocking, warning) = (count(Severity::Blocks), count(Severity::Warns));
        if self.fit {
            writeln!(f, "{} can be flipped: nothing blocks, {warning} to look at.", self.load_balancer)
        } else {
            writeln!(f, "{} cannot be flipped yet: {blocking} blocking, {warning} to look at.", self.load_balancer)
        }
    }
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
