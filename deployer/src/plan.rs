//! `deployer plan`: exactly the writes that a flip would make, and what would block it. Writes nothing.

use std::fmt;

use blue_green::asked::parameters::{Action, Parameters};
use blue_green::plan::labels::is_live;
use blue_green::plan::{Asker, Plan, Refusal, Write, plan};
use blue_green::release::guard::{Blocked, pair_of};
use blue_green::release::intent::Promotion;
use blue_green::report::{Change, change, would_promote};
use blue_green::seen::topology::{RuleId, Topology};
use blue_green::seen::twins::{Survey, survey};
use comfy_table::{Cell, Color, Table};
use jiff::Timestamp;
use serde::Serialize;

use crate::args::{Execution, PlanArgs};
use crate::exit::{Exit, Failure};
use crate::options::in_options;
use crate::output;
use crate::progress::Progress;
use crate::session::Session;

/// What stands in the journal for a flip whose id is not known before: that of the pipeline's job.
const UNKNOWN_ID: &str = "the-job-id";

/// Plans the flip that the arguments ask for, and shows it.
///
/// # Errors
/// A [`Failure`] where the load balancer cannot be read. A refusal is shown like a plan, and is no error.
pub async fn run(args: &PlanArgs) -> Result<Exit, Failure> {
    let session = Session::open(args.target.timeout).await?;
    let topology = session.reader().topology(&args.target.elb, &args.target.ports.0).await?;
    let execution = Execution::id(args.execution.as_ref());
    let asked = Parameters {
        elb_name: args.target.elb.clone(),
        action: Action::Flip,
        promote_to: args.promote_to.clone(),
        promote_image: args.promote_image.clone(),
        execution: execution.map(str::to_owned),
        min_capacity: args.min_capacity,
        force: args.force,
        ports: args.target.ports.0.clone(),
    };
    let shown = Shown::new(&topology, planned(&topology, &asked));
    if args.json {
        output::json(&shown)?
    } else {
        output::print(&shown)?
    }
    Ok(if shown.outcome == Outcome::Refused { Exit::Refused } else { Exit::Done })
}

/// The plan, and what it would change for each of its promotions.
fn planned(topology: &Topology, asked: &Parameters) -> Result<(Plan, Vec<Promoted>), Refusal> {
    let plan = plan(topology, asked, &Asker::new(asked, UNKNOWN_ID), Timestamp::now())?;
    let survey = survey(topology, &asked.ports)?;
    let promoted = plan.promotions.iter().map(|both| Promoted {
        promoted: topology.describe(&both.promoted),
        retired: topology.describe(&both.retired),
        change: change(&survey, &plan, both),
        sentence: sentence(topology, &survey, &plan, both),
    });
    let promoted = promoted.collect();
    Ok((plan, promoted))
}

/// What the flip would do; where another one is half-done, that it goes on from there.
fn sentence(topology: &Topology, survey: &Survey<'_>, plan: &Plan, promotion: &Promotion) -> String {
    let pair = pair_of(survey, promotion);
    let found = pair.and_then(|pair| Some((pair, Progress::half_done(topology, survey, pair)?)));
    let Some((pair, flip)) = found else { return would_promote(topology, survey, plan, promotion) };
    let (promoted, retired) = (topology.describe(&promotion.promoted), topology.describe(&promotion.retired));
    let half_done = flip.sentence(topology);
    if flip.promoted != promotion.promoted {
        return format!(
            "This would take it back: {promoted} would be live everywhere and {retired} on the test port. Note that {half_done}."
        );
    }
    let there = match is_live(survey, pair, &promotion.promoted) {
        Some(true) => "production is there already",
        Some(false) => "production is not there yet",
        None => "production is there in part already",
    };
    format!(
        "A flip would finish flip {}, which makes {promoted} live instead of {retired}; {there}. So far, {half_done}.",
        flip.id
    )
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Outcome {
    /// A flip would change rules.
    Flip,
    /// All is as a flip would make it.
    NothingToDo,
    /// A flip would change nothing, and fail.
    Refused,
}

/// A plan or a refusal, as it is printed.
#[derive(Debug, Serialize)]
struct Shown {
    load_balancer: String,
    outcome: Outcome,
    /// What would be live, and what would make way for it.
    promotions: Vec<Promoted>,
    /// The writes in their order; within a phase they are made side by side.
    writes: Vec<Row>,
    /// Why it is refused, in sentences.
    reasons: Vec<String>,
    /// The same with their numbers.
    blocked: Vec<Blocked>,
    notes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Promoted {
    promoted: String,
    retired: String,
    change: Change,
    #[serde(skip)]
    sentence: String,
}

#[derive(Debug, Serialize)]
struct Row {
    phase: &'static str,
    call: &'static str,
    on: String,
    /// The ARNs that the call names.
    resources: Vec<String>,
    before: Option<String>,
    after: String,
}

impl Shown {
    fn new(topology: &Topology, planned: Result<(Plan, Vec<Promoted>), Refusal>) -> Self {
        let mut shown = Self {
            load_balancer: topology.name.clone(),
            outcome: Outcome::Refused,
            promotions: Vec::new(),
            writes: Vec::new(),
            reasons: Vec::new(),
            blocked: Vec::new(),
            notes: Vec::new(),
        };
        match planned {
            Ok((plan, promotions)) => {
                shown.outcome = if plan.moves_traffic() { Outcome::Flip } else { Outcome::NothingToDo };
                shown.promotions = promotions;
                let phases = plan.phases().into_iter();
                shown.writes = phases.flat_map(|(phase, writes)| writes.iter().map(move |write| row(phase, write))).collect();
                shown.notes = plan.notes;
            }
            Err(Refusal::Unfit(unfit)) => shown.reasons.push(in_options(&unfit.to_string())),
            Err(Refusal::Blocked(blocked)) => {
                shown.reasons = blocked.iter().map(|blocked| in_options(&blocked.to_string())).collect();
                shown.blocked = blocked;
            }
        }
        shown
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.promotions.iter().try_for_each(|promoted| writeln!(f, "{}", promoted.sentence))?;
        let (rules, tags): (Vec<&Row>, Vec<&Row>) = self.writes.iter().partition(|row| row.before.is_some());
        if !rules.is_empty() {
            writeln!(f, "{}", table(&rules))?;
        }
        // Beside the table: a journal is longer than any column, and must not be broken.
        for row in tags {
            writeln!(f, "{} phase, {} on {}:", row.phase, row.call, row.on)?;
            row.after.lines().try_for_each(|tag| writeln!(f, "    {}", tag.trim_end()))?;
        }
        match self.outcome {
            Outcome::Flip => {}
            Outcome::NothingToDo => writeln!(f, "A flip has nothing to move.")?,
            Outcome::Refused => {
                writeln!(f, "A flip would be refused, and nothing would be changed:")?;
                self.reasons.iter().try_for_each(|reason| writeln!(f, "  - {reason}."))?;
            }
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "note: {note}."))
    }
}

fn table(writes: &[&Row]) -> Table {
    let mut table = output::table(&["phase", "call", "on", "before", "after"]);
    for row in writes {
        let colour = if row.phase == "live" { Color::Yellow } else { Color::Reset };
        table.add_row(vec![
            Cell::new(row.phase).fg(colour),
            Cell::new(row.call),
            Cell::new(&row.on),
            Cell::new(row.before.as_deref().unwrap_or_default()),
            Cell::new(&row.after),
        ]);
    }
    table
}

fn row(phase: &'static str, write: &Write) -> Row {
    match write {
        Write::Tag { groups, called, tags } => {
            let tags: Vec<String> = tags.iter().map(|(key, value)| format!("{key} = {value}")).collect();
            Row { phase, call: "AddTags", on: called.clone(), resources: groups.clone(), before: None, after: tags.join("\n") }
        }
        Write::Actions { rule, called, before, after, .. } => {
            let call = match rule {
                RuleId::Rule(_) => "ModifyRule",
                RuleId::Default(_) => "ModifyListener",
            };
            let resources = vec![rule.arn().to_owned()];
            Row { phase, call, on: called.clone(), resources, before: Some(before.clone()), after: after.clone() }
        }
    }
}
