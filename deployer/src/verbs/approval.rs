//! `deployer approve` and `deployer reject`: show what the approver reads, ask, and answer the approval of a pipeline.

use std::time::Duration;

use blue_green::aws::codepipeline::approvals::Waiting;
use clap::Args;
use jiff::Timestamp;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::refused::Refused;
use crate::session::Session;

/// Arguments of `approve` and `reject`.
#[derive(Debug, Args)]
pub struct ApprovalArgs {
    /// The pipeline, such as shop-release
    #[arg(long, env = "PIPELINE", value_name = "NAME")]
    pub pipeline: String,
    /// What is to be remembered of the decision
    #[arg(long, value_name = "TEXT", default_value = "by deployer")]
    pub summary: String,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
    /// How long AWS calls are tried, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = clap::value_parser!(u16).range(1..=3600))]
    pub timeout: u16,
}

/// What is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The pipeline goes on.
    Approve,
    /// The execution ends here.
    Reject,
}

/// Shows what waits, asks, and answers it.
///
/// # Errors
/// A [`Failure`], also where nothing waits.
pub async fn run(args: &ApprovalArgs, decision: Decision) -> Result<Exit, Failure> {
    let session = Session::open(Duration::from_secs(args.timeout.into())).await?;
    let approvals = session.approvals(&args.pipeline);
    let Some(waiting) = approvals.waiting().await? else {
        return Err(Refused::NoApproval { pipeline: args.pipeline.clone() }.into());
    };
    output::step(&described(&args.pipeline, &waiting));
    let (question, done) = match decision {
        Decision::Approve => ("Approve it?", "approved"),
        Decision::Reject => ("Reject it?", "rejected"),
    };
    if !args.yes && !output::confirmed(question, "an approval")? {
        output::print(&format_args!("nothing was answered\n"))?;
        return Ok(Exit::Done);
    }
    // A person may have thought for longer than the calls are tried.
    session.approvals(&args.pipeline).answer(&waiting, decision == Decision::Approve, &args.summary).await?;
    output::print(&format_args!("{done}: execution {} of {}\n", waiting.execution, args.pipeline))?;
    Ok(Exit::Done)
}

/// What the approver reads in the console, and what waits behind it.
#[must_use]
pub fn described(pipeline: &str, waiting: &Waiting) -> String {
    let Waiting { stage, action, execution, since, behind, text, link, .. } = waiting;
    let since = since.and_then(|since| Timestamp::from_second(since).ok()).map(|since| format!(" since {since}"));
    let mut lines = vec![
        format!("{action} of {pipeline} waits{}, for execution {execution}", since.unwrap_or_default()),
        text.clone().unwrap_or_else(|| "(the approval has no text)".to_owned()),
    ];
    lines.extend(link.as_ref().map(|link| format!("look at it: {link}")));
    lines.push(match behind {
        Some(behind) => format!(
            "execution {behind}, a newer build, waits behind it: stage {stage} takes one at a time, and an approval waits up to 7 days"
        ),
        None => format!("no newer build waits behind it; one that comes waits, since stage {stage} takes one at a time"),
    });
    lines.join("\n")
}
