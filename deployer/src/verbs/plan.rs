//! `deployer plan`: exactly the writes that a flip would make, and what would block it. Writes nothing.

use std::fmt;

use blue_green::asked::parameters::{Action, Parameters};
use blue_green::plan::{Phase, Step, Write};
use blue_green::release::id::Asker;
use blue_green::release::refusal::Refusal;
use blue_green::report::foresee::{Foreseen, foresee};
use blue_green::report::not_made::{NotMade, Past};
use blue_green::report::would::{Change, seconds};
use blue_green::seen::names::OPTIONS;
use blue_green::seen::survey::{Survey, survey};
use blue_green::seen::topology::Topology;
use comfy_table::{Cell, Color, Table};
use jiff::Timestamp;
use serde::Serialize;

use crate::args::{Execution, PlanArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::session::Session;

/// What stands in the records for a flip whose id is not known before: that of the pipeline's job.
const UNKNOWN_ID: &str = "the-job-id";

/// Plans the flip that the arguments ask for, and shows it.
///
/// # Errors
/// A [`Failure`] where the load balancer cannot be read. A refusal is shown like a plan, and is no error.
pub async fn run(args: &PlanArgs) -> Result<Exit, Failure> {
    let session = Session::open(args.target.timeout).await?;
    let topology = session.guarded(&args.target.elb).await?;
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
    let asker = Asker::new(asked.execution.as_deref(), &asked.promote_to, UNKNOWN_ID);
    let survey = survey(&topology, &asked.ports).and_then(|survey| match &args.group {
        Some(group) => survey.only(&topology, group),
        None => Ok(survey),
    });
    let foreseen = survey.map_err(NotMade::from).and_then(|survey| {
        let foreseen = foresee(&topology, &survey, &asked, &asker, Timestamp::now())?;
        Ok((survey, foreseen))
    });
    let shown = Shown::new(&topology, foreseen);
    if args.json {
        output::json(&shown)?
    } else {
        output::print(&shown)?
    }
    Ok(if shown.outcome == Outcome::Refused { Exit::Refused } else { Exit::Done })
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
    blocked: Vec<Refusal>,
    /// Why it is over, where it is a flip of the past.
    past: Option<Past>,
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
    phase: Phase,
    call: &'static str,
    on: String,
    /// The ARNs that the call names.
    resources: Vec<String>,
    before: Option<String>,
    after: String,
}

impl Shown {
    fn new(topology: &Topology, foreseen: Result<(Survey<'_>, Foreseen), NotMade>) -> Self {
        let mut shown = Self {
            load_balancer: topology.name.clone(),
            outcome: Outcome::Refused,
            promotions: Vec::new(),
            writes: Vec::new(),
            reasons: Vec::new(),
            blocked: Vec::new(),
            past: None,
            notes: Vec::new(),
        };
        match foreseen {
            Ok((survey, Foreseen { plan, would })) => {
                let rules = plan.rules().count();
                shown.outcome = if rules > 0 { Outcome::Flip } else { Outcome::NothingToDo };
                shown.promotions = would
                    .iter()
                    .map(|would| Promoted {
                        promoted: topology.describe(&would.sides().live),
                        retired: topology.describe(&would.sides().test),
                        change: would.change(&survey, &plan),
                        sentence: would.sentence(topology, &survey, &plan),
                    })
                    .collect();
                shown.writes = plan.steps().map(|(phase, step)| row(phase, step)).collect();
                shown.notes.extend(seconds(rules).map(|seconds| {
                    format!("AWS takes 3 rule changes a second after the first 20: this takes about {seconds} seconds")
                }));
                shown.notes.extend(plan.notes);
            }
            Err(why) => {
                shown.reasons = match &why {
                    NotMade::Refused(reasons) => reasons.iter().map(|reason| reason.words(&OPTIONS)).collect(),
                    other => vec![other.words(&OPTIONS)],
                };
                match why {
                    NotMade::Refused(reasons) => shown.blocked = reasons,
                    NotMade::Past(past) => shown.past = Some(past),
                    NotMade::Setup(_) => {}
                }
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
        // Beside the table: a record is longer than any column, and must not be broken.
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
        let colour = if row.phase == Phase::Live { Color::Yellow } else { Color::Reset };
        table.add_row(vec![
            Cell::new(row.phase.to_string()).fg(colour),
            Cell::new(row.call),
            Cell::new(&row.on),
            Cell::new(row.before.as_deref().unwrap_or_default()),
            Cell::new(&row.after),
        ]);
    }
    table
}

fn row(phase: Phase, step: &Step) -> Row {
    let (call, resources) = (step.write.action(), vec![step.write.resource().to_owned()]);
    match &step.write {
        Write::Tag { called, tags, .. } => {
            let tags: Vec<String> = tags.iter().map(|(key, value)| format!("{key} = {value}")).collect();
            Row { phase, call, on: called.clone(), resources, before: None, after: tags.join("\n") }
        }
        Write::Untag { called, keys, .. } => {
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            Row { phase, call, on: called.clone(), resources, before: None, after: keys.join("\n") }
        }
        Write::Actions { called, before, after, .. } => {
            Row { phase, call, on: called.clone(), resources, before: Some(before.clone()), after: after.clone() }
        }
    }
}
