//! `deployer approve` and `deployer reject`: show what the approver reads, ask, and answer the approval of a pipeline.

use std::io::IsTerminal;
use std::time::Duration;

use aws_sdk_codepipeline::Client;
use aws_sdk_codepipeline::types::{ActionExecutionFilter, ApprovalResult, ApprovalStatus, StageState};
use blue_green::aws::call::Caller;
use clap::Args;
use dialoguer::Confirm;

use crate::exit::{Exit, Failure};
use crate::output;
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

/// An approval that waits.
struct Waiting {
    stage: String,
    action: String,
    token: String,
    execution: String,
    /// The execution that waits behind it.
    behind: Option<String>,
}

/// Shows what waits, asks, and answers it.
///
/// # Errors
/// A [`Failure`], also where nothing waits.
pub async fn run(args: &ApprovalArgs, decision: Decision) -> Result<Exit, Failure> {
    let session = Session::open(Duration::from_secs(args.timeout.into())).await?;
    let (client, caller) = session.pipelines();
    let state = || client.get_pipeline_state().name(&args.pipeline).send();
    let state = caller.call("codepipeline:GetPipelineState", &args.pipeline, state).await?;
    let Some(waiting) = state.stage_states().iter().find_map(waiting) else {
        return Err(Failure::Usage(format!("no approval waits in {}; nothing was answered", args.pipeline)));
    };
    show(&client, &caller, args, &waiting).await?;
    let (verb, status) = match decision {
        Decision::Approve => ("Approve", ApprovalStatus::Approved),
        Decision::Reject => ("Reject", ApprovalStatus::Rejected),
    };
    if !args.yes && !confirmed(verb)? {
        output::print(&format_args!("nothing was answered\n"))?;
        return Ok(Exit::Done);
    }
    let result = ApprovalResult::builder().summary(&args.summary).status(status).build();
    let result = result.map_err(|error| Failure::Usage(error.to_string()))?;
    let put = || {
        let put = client.put_approval_result().pipeline_name(&args.pipeline).stage_name(&waiting.stage);
        put.action_name(&waiting.action).token(&waiting.token).result(result.clone()).send()
    };
    // The token is of this very approval: one that somebody else answered meanwhile is refused.
    caller.call("codepipeline:PutApprovalResult", &args.pipeline, put).await?;
    let done = if decision == Decision::Approve { "approved" } else { "rejected" };
    output::print(&format_args!("{done}: execution {} of {}\n", waiting.execution, args.pipeline))?;
    Ok(Exit::Done)
}

fn waiting(stage: &StageState) -> Option<Waiting> {
    let waits = stage.action_states().iter().find_map(|action| {
        let token = action.latest_execution()?.token()?;
        Some((action.action_name()?.to_owned(), token.to_owned()))
    });
    let (action, token) = waits?;
    Some(Waiting {
        stage: stage.stage_name()?.to_owned(),
        action,
        token,
        execution: stage.latest_execution()?.pipeline_execution_id().to_owned(),
        behind: stage.inbound_execution().map(|inbound| inbound.pipeline_execution_id().to_owned()),
    })
}

/// What the approver reads in the console, and what waits behind it.
async fn show(client: &Client, caller: &Caller, args: &ApprovalArgs, waiting: &Waiting) -> Result<(), Failure> {
    let filter = ActionExecutionFilter::builder().pipeline_execution_id(&waiting.execution).build();
    let list = || client.list_action_executions().pipeline_name(&args.pipeline).filter(filter.clone()).send();
    let actions = caller.call("codepipeline:ListActionExecutions", &args.pipeline, list).await?;
    let of_this = actions.action_execution_details().iter().find(|action| action.action_name() == Some(&waiting.action));
    let configuration = of_this.and_then(|action| action.input()?.resolved_configuration());
    let configured = |key: &str| configuration.and_then(|configuration| configuration.get(key)).map(String::as_str);
    output::step(&format!("{} of {}, execution {}", waiting.action, args.pipeline, waiting.execution));
    output::step(configured("CustomData").unwrap_or("(the approval has no text)"));
    if let Some(link) = configured("ExternalEntityLink") {
        output::step(&format!("look at it: {link}"));
    }
    if let Some(behind) = &waiting.behind {
        output::step(&format!("a newer build waits behind it: execution {behind}"));
    }
    Ok(())
}

fn confirmed(verb: &str) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::Usage("an approval must be confirmed, and this is not a terminal; pass --yes where you are sure".to_owned()));
    }
    let answer = Confirm::new().with_prompt(format!("{verb} it?")).default(false).interact();
    answer.map_err(|error| Failure::System(format!("the question could not be asked ({error}); pass --yes where you are sure")))
}
