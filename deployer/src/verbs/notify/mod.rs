//! `notify`: tells people how something ended. It never fails a job.

mod message;
mod origin;
mod slack;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::Value;

use self::message::Message;
use self::origin::Origin;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;

const HELP: &str = "\
Reads the result of a roll or a release (--json FILE), of a flip (the function's answer), or of a build (build.json), and posts one \
message: what, where, from which version to which, by whom, with a link to the job. Who and the link come from the variables that \
GitLab, GitHub, Bitbucket and CodeBuild set. A message that cannot be sent is a warning, and the exit code is 0.

Examples:
  deployer roll deploy ... --json result.json; code=$?
  deployer notify slack --result result.json
  exit $code

Environment:
  SLACK_WEBHOOK_URL   the incoming webhook; a secret, so it is on no command line";

/// Tell people how something ended
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct NotifyArgs {
    /// Where to.
    #[command(subcommand)]
    pub to: To,
}

/// Where a message goes.
#[derive(Debug, Subcommand)]
pub enum To {
    /// Post to a Slack channel's incoming webhook
    Slack(SlackArgs),
}

/// Arguments of `notify slack`.
#[derive(Debug, Args)]
pub struct SlackArgs {
    /// The result
    #[arg(long, value_name = "FILE")]
    pub result: PathBuf,
    /// The job's page [default: from the CI system's variables]
    #[arg(long, value_name = "URL")]
    pub job: Option<String>,
    /// Who started it [default: from the CI system's variables]
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
}

pub async fn run(args: &NotifyArgs) -> Result<Exit, Failure> {
    let To::Slack(args) = &args.to;
    match post(args).await {
        Ok(()) => output::step("posted to Slack"),
        Err(why) => output::warn(&format!("no message was posted to Slack: {why}")),
    }
    Ok(Exit::Done)
}

async fn post(args: &SlackArgs) -> Result<(), String> {
    let path = args.result.display();
    let text = std::fs::read_to_string(&args.result).map_err(|error| format!("{path} cannot be read ({error})"))?;
    let result: Value = serde_json::from_str(&text).map_err(|error| format!("{path} is not JSON ({error})"))?;
    let message = Message::of(&result).ok_or_else(|| {
        format!("{path} is no result of a roll, a release, a flip or a build; expected what --json, the function or the build step wrote")
    })?;
    let origin = Origin::read(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    let origin = Origin { by: args.by.clone().or(origin.by), job: args.job.clone().or(origin.job) };
    let address = std::env::var("SLACK_WEBHOOK_URL").ok().filter(|address| !address.is_empty());
    let address = address.ok_or("SLACK_WEBHOOK_URL is not set; set it to the incoming webhook of the channel")?;
    slack::post(&address, &message.slack(&origin)).await
}
