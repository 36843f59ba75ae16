//! `deployer status`: which version is on which port, and whether the labels tell the truth.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use blue_green::aws::codepipeline::approvals::Waiting;
use blue_green::plan::labels::Running;
use blue_green::release::fence::Fence;
use blue_green::release::journal::Journal;
use blue_green::release::record::{Phase, Reason, Verdict};
use blue_green::seen::pairs::Pair;
use blue_green::seen::side::Side;
use blue_green::seen::topology::{TargetGroup, Topology};
use blue_green::seen::twins::{PortRule, Survey, survey};
use comfy_table::{Cell, Color, Table};
use serde::Serialize;

use crate::args::StatusArgs;
use crate::exit::{Exit, Failure};
use crate::fence::described;
use crate::output;
use crate::progress::{Progress, State};
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
    let topology = session.reader().topology(&args.target.elb, &args.target.ports.0).await?;
    let survey = survey(&topology, &args.target.ports.0)?;
    let groups: Vec<_> = topology.groups.values().collect();
    let running = session.ecs().behind(&groups, args.cluster.name()).await?;
    let (found, _) = listeners::examine(&topology, &args.target.ports.0);
    let mut status = Status::new(&topology, &survey, &running, found);
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

/// One target group.
#[derive(Debug, Serialize)]
struct Version {
    role: Role,
    /// The ports on which it takes requests.
    ports: BTreeSet<u16>,
    identifier: Option<String>,
    /// The image tag, by its tag.
    image: Option<String>,
    /// The whole image, by ECS.
    runs: Option<String>,
    healthy: usize,
    registered: usize,
    /// Its share of each port's requests in percent; several where rules differ.
    traffic: BTreeMap<u16, BTreeSet<u32>>,
    group: String,
    arn: String,
    service: Option<String>,
    fence: Option<Fenced>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Role {
    /// It takes all of the live traffic of its pair.
    Live,
    /// It takes none of it.
    Test,
    /// The live rules disagree, or share their traffic.
    Unclear,
    /// It is of no pair.
    Alone,
}

#[derive(Debug, Serialize)]
struct Fenced {
    execution: String,
    image: String,
    since: String,
    /// What it means now, by what ECS says runs there.
    means: String,
}

#[derive(Debug, Serialize)]
struct Rule {
    port: u16,
    rule: String,
    /// By the group's name.
    weights: BTreeMap<String, i32>,
}

#[derive(Debug, Serialize)]
struct LastFlip {
    id: String,
    promoted: String,
    retired: String,
    time: String,
    state: State,
    /// What its record says.
    phase: &'static str,
    /// The rules that are as it makes them.
    moved: Vec<String>,
    /// The rules that are not.
    left: Vec<String>,
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
            notes: survey.left.clone(),
            approval: None,
        };
        let mut alone: BTreeSet<&String> = topology.groups.keys().collect();
        for pair in survey.pairs.keys() {
            let both = [&pair.first, &pair.second].map(|arn| (survey.is_live(pair, arn), topology.group(arn)));
            let progress = Progress::of(topology, survey, pair);
            let settled = Progress::open(topology, survey, pair).is_none();
            let mut versions = Vec::new();
            for (live, group) in both {
                let Some(group) = group else { continue };
                alone.remove(&group.arn);
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
        let alone = alone.into_iter().filter_map(|arn| topology.group(arn));
        status.versions.extend(alone.map(|group| version(group, Role::Alone, survey, running)));
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

impl LastFlip {
    fn new(topology: &Topology, flip: Progress) -> Self {
        let name = |arn: &str| topology.group(arn).map_or(arn, |group| &group.name).to_owned();
        Self {
            id: flip.id.to_string(),
            promoted: name(&flip.promoted),
            retired: name(&flip.retired),
            time: flip.time.to_string(),
            state: flip.state,
            phase: match flip.flip.phase {
                Phase::Moving => "moving",
                Phase::Done => "done",
                Phase::Undoing => "undoing",
                Phase::Undone => "undone",
            },
            moved: flip.moved,
            left: flip.left,
        }
    }
}

impl fmt::Display for LastFlip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, promoted, retired, time, state, phase, moved, left } = self;
        let (moved, rules) = (moved.len(), moved.len() + left.len());
        match state {
            State::Made => write!(f, "last flip: {id} made {promoted} live instead of {retired}, {time}"),
            State::InProgress => write!(
                f,
                "flip in progress: {id} makes {promoted} live instead of {retired}, since {time} ({phase}); {moved} of {rules} rules serve \
                 what it wants"
            ),
            State::Undone => write!(f, "last flip: {id} to {promoted} was undone, {time}"),
            State::Edited => {
                write!(f, "last flip: {id} of {promoted} ({phase}, {time}); the rules were changed since, and not by a flip")
            }
        }
    }
}

/// The records of one pair.
#[derive(Debug, Serialize)]
struct Records {
    /// The jobs that were answered, the newest first.
    closed: Vec<Closed>,
    /// The keys of records that this version cannot read.
    unreadable: Vec<String>,
    /// How many more tags each group takes, by its name.
    free_tags: BTreeMap<String, usize>,
}

#[derive(Debug, Serialize)]
struct Closed {
    job: String,
    flip: String,
    verdict: Verdict,
    reason: Reason,
    time: String,
}

impl Records {
    fn new(topology: &Topology, pair: &Pair) -> Self {
        let journal = Journal::of_pair(topology, pair);
        let name = |side: Side| topology.group(pair.arn(side)).map_or(pair.arn(side), |group| &group.name).to_owned();
        let closed = journal.closings().into_iter().map(|(_, closing)| Closed {
            job: closing.called.clone(),
            flip: closing.flip.to_string(),
            verdict: closing.verdict,
            reason: closing.reason,
            time: closing.time.to_string(),
        });
        Self {
            closed: closed.collect(),
            unreadable: journal.unreadable().iter().map(|(side, key)| format!("{}: {key}", name(*side))).collect(),
            free_tags: Side::BOTH.map(|side| (name(side), journal.free(side))).into(),
        }
    }
}

impl fmt::Display for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 5;
        for Closed { job, flip, reason, time, .. } in self.closed.iter().take(SHOWN) {
            writeln!(f, "  job {job} of flip {flip}: {reason}, {time}")?;
        }
        if self.closed.len() > SHOWN {
            writeln!(f, "  and {} earlier jobs (--json shows them)", self.closed.len() - SHOWN)?;
        }
        self.unreadable.iter().try_for_each(|key| writeln!(f, "  no record that this version can read: {key}"))?;
        let free: Vec<String> = self.free_tags.iter().map(|(group, free)| format!("{free} on {group}")).collect();
        writeln!(f, "  free tags: {}", free.join(", "))
    }
}

fn table(versions: &[Version]) -> Table {
    let mut table = output::table(&["port", "version", "image", "runs (ECS)", "healthy", "traffic", "target group"]);
    for version in versions {
        let colour = match version.role {
            Role::Live => Color::Green,
            Role::Test => Color::Cyan,
            Role::Unclear => Color::Red,
            Role::Alone => Color::Reset,
        };
        let ill = version.healthy < version.registered || version.registered == 0;
        table.add_row(vec![
            Cell::new(version.place()).fg(colour),
            Cell::new(version.identifier.as_deref().unwrap_or("-")).fg(colour),
            Cell::new(version.image.as_deref().unwrap_or("-")),
            Cell::new(version.runs.as_deref().unwrap_or("-")),
            Cell::new(format!("{} of {}", version.healthy, version.registered)).fg(if ill {
                Color::Yellow
            } else {
                Color::Reset
            }),
            Cell::new(version.shares()),
            Cell::new(&version.group),
        ]);
    }
    table
}

impl Version {
    fn place(&self) -> String {
        let ports: Vec<String> = self.ports.iter().map(ToString::to_string).collect();
        let role = match self.role {
            Role::Live => "live",
            Role::Test => "test",
            Role::Unclear => "unclear",
            Role::Alone => "alone",
        };
        if ports.is_empty() { role.to_owned() } else { format!("{} {role}", ports.join(", ")) }
    }

    fn shares(&self) -> String {
        let shares = self.traffic.iter().map(|(port, shares)| {
            let shares: Vec<String> = shares.iter().map(ToString::to_string).collect();
            format!("{} % of {port}", shares.join("/"))
        });
        shares.collect::<Vec<_>>().join(", ")
    }
}

fn sides<'s, 'a>(survey: &'s Survey<'a>) -> impl Iterator<Item = &'s PortRule<'a>> {
    survey.twins.iter().flat_map(|twin| [&twin.live, &twin.test]).chain(&survey.alone)
}

fn rule(topology: &Topology, side: &PortRule<'_>) -> Rule {
    let name = |arn: &String| topology.group(arn).map_or(arn, |group| &group.name).clone();
    let weights = side.forward.targets.iter().map(|target| (name(&target.group), target.weight)).collect();
    Rule { port: side.port, rule: side.rule.describe(), weights }
}

fn version(group: &TargetGroup, role: Role, survey: &Survey<'_>, running: &BTreeMap<String, Running>) -> Version {
    let mut traffic: BTreeMap<u16, BTreeSet<u32>> = BTreeMap::new();
    for side in sides(survey) {
        let weight = |of: &dyn Fn(&str) -> bool| -> u32 {
            let targets = side.forward.targets.iter().filter(|target| of(&target.group));
            targets.filter_map(|target| u32::try_from(target.weight).ok()).sum()
        };
        if side.forward.groups().any(|named| named == group.arn) {
            let share = weight(&|named| named == group.arn) * 100;
            traffic.entry(side.port).or_default().insert(share.checked_div(weight(&|_| true)).unwrap_or(0));
        }
    }
    let running = running.get(&group.arn);
    let taken = traffic.iter().filter(|(_, shares)| shares.iter().any(|share| *share > 0)).map(|(port, _)| *port);
    Version {
        role,
        ports: taken.collect(),
        identifier: group.identifier().map(str::to_owned),
        image: group.image().map(str::to_owned),
        runs: running.map(|running| running.image.clone()),
        healthy: group.healthy(),
        registered: group.registered(),
        traffic,
        group: group.name.clone(),
        arn: group.arn.clone(),
        service: running
            .map(|running| running.service.clone())
            .or_else(|| group.tag(blue_green::seen::topology::SERVICE).map(str::to_owned)),
        fence: Fence::of(group).map(|fence| Fenced {
            means: described(&fence, running),
            execution: fence.execution,
            image: fence.image,
            since: fence.time.to_string(),
        }),
    }
}
