//! The command line. What it says in `--help` is what a new user learns from.

use std::path::PathBuf;
use std::time::Duration;

use crate::help::{ABOUT, AFTER_HELP};
use crate::verbs::approval::ApprovalArgs;
use crate::verbs::build::stacks::StacksArgs;
use crate::verbs::init::InitArgs;
use crate::verbs::notify::NotifyArgs;
use crate::verbs::roll::args::RollArgs;
use blue_green::asked::parameters::{is_image_tag, is_load_balancer_name};
use blue_green::asked::words::{MAX_ID, is_execution, is_word, unresolved};
use blue_green::seen::ports::{self, PortPair};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, Command, FromArgMatches, Subcommand};
use clap_complete::Shell;

/// What is asked for.
#[derive(Debug)]
pub enum Asked {
    /// The build step's job: no command was given.
    Build(BuildArgs),
    /// Anything else.
    Verb(Verb),
}

/// The command line as clap knows it.
#[must_use]
pub fn command() -> Command {
    // What a derived part says of itself comes first, so that this has the last word.
    Verb::augment_subcommands(BuildArgs::augment_args(Command::new("deployer")))
        .version(env!("CARGO_PKG_VERSION"))
        .about(ABOUT)
        .after_help(AFTER_HELP)
        .args_conflicts_with_subcommands(true)
        .subcommand_negates_reqs(true)
}

/// Reads the command line; where it is wrong, says so and ends the process with exit code 2.
#[must_use]
pub fn read() -> Asked {
    let matches = command().try_get_matches().unwrap_or_else(|error| with_variable(error).exit());
    let asked = match matches.subcommand_name() {
        Some(_) => Verb::from_arg_matches(&matches).map(Asked::Verb),
        None => BuildArgs::from_arg_matches(&matches).map(Asked::Build),
    };
    asked.unwrap_or_else(|error| error.exit())
}

/// A missing option may be given by its variable as well.
fn with_variable(mut error: clap::Error) -> clap::Error {
    let missing = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::Strings(missing)) => missing.join(" "),
        Some(ContextValue::String(missing)) => missing.clone(),
        _ => String::new(),
    };
    if error.kind() == ErrorKind::MissingRequiredArgument && missing.contains("--elb") {
        let tip = ["or set the variable ELB_NAME to the load balancer's name".to_owned().into()].to_vec();
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(tip));
    }
    error
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Show which version is on which port, its image and health, tags that disagree, the fence and the last flip
    Status(StatusArgs),
    /// Show who released what when, how long it was live, and who took it back
    History(HistoryArgs),
    /// Show exactly what a flip would write, and what would block it; write nothing
    Plan(PlanArgs),
    /// Show what keeps this load balancer from being flipped, each with the command that fixes it
    Doctor(ShowArgs),
    /// Take off the fence that an execution left behind, after showing what runs there
    Unfence(UnfenceArgs),
    /// Show what a pipeline's approval is about, ask, and approve it
    Approve(ApprovalArgs),
    /// Show what a pipeline's approval is about, ask, and reject it
    Reject(ApprovalArgs),
    /// Close a flip that nobody goes on with as not made; move nothing
    CloseFlip(CloseFlipArgs),
    /// Roll an ECS service out: deploy, wait, judge, undo; for CI systems without a pipeline
    Roll(RollArgs),
    /// Tell people how a roll, a release, a flip or a build ended
    Notify(NotifyArgs),
    /// Write into a repository what its CI system needs to build and roll
    Init(InitArgs),
    /// Print completions for a shell, such as: deployer completions bash > /etc/bash_completion.d/deployer
    Completions(CompletionsArgs),
}

/// Which load balancer, and how long to try.
#[derive(Clone, Debug, Args)]
pub struct Target {
    /// The load balancer's name
    #[arg(long, env = "ELB_NAME", value_name = "NAME", value_parser = load_balancer)]
    pub elb: String,
    /// Live ports and the test ports that rehearse them
    #[arg(long, value_name = "LIVE:TEST,...", default_value = "80:8080,443:8443", value_parser = port_pairs)]
    pub ports: Ports,
    /// How long AWS calls are tried, in seconds; the wait of --settle not counted
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = time)]
    pub timeout: Duration,
}

/// The port pairs of `--ports`.
#[derive(Clone, Debug)]
pub struct Ports(pub Vec<PortPair>);

/// Arguments of the build step's job.
#[derive(Debug, Args)]
pub struct BuildArgs {
    #[command(flatten)]
    pub target: Target,
    /// The build step's file [default: $CODEBUILD_SRC_DIR_BuildOutput/build.json, else ./build.json]
    #[arg(long, value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// Where the result goes [default: the input file, replaced whole or not at all]
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The pipeline execution that builds: fences the test side, so that no other execution promotes it meanwhile
    #[arg(long, env = "EXECUTION_ID", value_name = "ID", value_parser = execution)]
    pub execution: Option<Execution>,
    /// How long flips under way are waited for after the fence is set, in seconds
    #[arg(long, env = "SETTLE_SECONDS", value_name = "SECONDS", default_value = "20", value_parser = seconds)]
    pub settle: Duration,
    /// Refuse where the live side runs another image than its Image tag says
    #[arg(long)]
    pub strict: bool,
    /// This is the first deployment of the service: neither its load balancer nor its target groups are there yet
    #[arg(long)]
    pub first: bool,
    /// The service that is built, where the load balancer carries several (by the Service tag)
    #[arg(long, value_name = "CLUSTER/SERVICE", conflicts_with = "group")]
    pub service: Option<String>,
    /// One of the two target groups that are built, by name or ARN, where the load balancer carries several services
    #[arg(long, value_name = "NAME")]
    pub group: Option<String>,
    #[command(flatten)]
    pub cluster: Cluster,
    #[command(flatten)]
    pub stacks: StacksArgs,
}

/// Where services without a `Service` tag are looked for.
#[derive(Clone, Debug, Args)]
pub struct Cluster {
    /// The ECS cluster of services whose target groups have no Service tag [default: all clusters are looked through]
    #[arg(long = "cluster", env = "ECS_CLUSTER", value_name = "NAME", value_parser = optional)]
    name: Option<Optional>,
}

impl Cluster {
    /// The cluster's name, where one was given.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_ref().and_then(|name| name.0.as_deref())
    }
}

/// Arguments of a command that shows something.
#[derive(Debug, Args)]
pub struct ShowArgs {
    #[command(flatten)]
    pub target: Target,
    #[command(flatten)]
    pub cluster: Cluster,
    /// Only the pair with this target group, by name or ARN [default: every pair]
    #[arg(long, value_name = "NAME")]
    pub group: Option<String>,
    /// Print JSON instead of a table
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `history`: where releases are looked for.
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("places").required(true).multiple(true).args(["pipelines", "elbs", "services"])))]
pub struct HistoryArgs {
    /// A pipeline, whose flips and approvals are shown; several comma-separated
    #[arg(long = "pipeline", env = "PIPELINE", value_name = "NAME,...", value_delimiter = ',')]
    pub pipelines: Vec<String>,
    /// A load balancer, whose records of flips are shown; several comma-separated
    #[arg(long = "elb", env = "ELB_NAME", value_name = "NAME,...", value_delimiter = ',', value_parser = load_balancer)]
    pub elbs: Vec<String>,
    /// A service, whose rolling updates are shown; several comma-separated
    #[arg(long = "service", value_name = "CLUSTER/SERVICE,...", value_delimiter = ',', value_parser = service)]
    pub services: Vec<(String, String)>,
    /// Live ports and the test ports that rehearse them
    #[arg(long, value_name = "LIVE:TEST,...", default_value = "80:8080,443:8443", value_parser = port_pairs)]
    pub ports: Ports,
    /// How many releases are shown, the newest first
    #[arg(long, value_name = "COUNT", default_value = "20")]
    pub limit: usize,
    /// How long AWS calls are tried, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = time)]
    pub timeout: Duration,
    /// Print JSON instead of a table
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    #[command(flatten)]
    pub show: ShowArgs,
    /// Show the approval that waits in this pipeline as well, and what waits behind it
    #[arg(long, env = "PIPELINE", value_name = "NAME")]
    pub pipeline: Option<String>,
}

/// Arguments of `plan`: what the flip would be asked for.
#[derive(Debug, Args)]
pub struct PlanArgs {
    #[command(flatten)]
    pub target: Target,
    /// Identifiers, names or ARNs of the target groups to make live [default: what the test port serves]
    #[arg(long, value_name = "GROUP,...", value_delimiter = ',', value_parser = word)]
    pub promote_to: Vec<String>,
    /// The image tag that must be promoted
    #[arg(long, value_name = "TAG", value_parser = image_tag)]
    pub promote_image: Option<String>,
    /// The pipeline execution that would flip
    #[arg(long, env = "EXECUTION_ID", value_name = "ID", value_parser = execution)]
    pub execution: Option<Execution>,
    /// Percent of the live side's healthy targets that the promoted one must have
    #[arg(long, value_name = "PERCENT", default_value = "100", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub min_capacity: u8,
    /// Pass over health and capacity
    #[arg(long)]
    pub force: bool,
    /// Only the pair with this target group, by name or ARN [default: every pair]
    #[arg(long, value_name = "NAME")]
    pub group: Option<String>,
    /// Print JSON instead of a table
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `unfence`.
#[derive(Debug, Args)]
pub struct UnfenceArgs {
    #[command(flatten)]
    pub target: Target,
    #[command(flatten)]
    pub cluster: Cluster,
    /// Only this target group, by name or ARN [default: every fenced one of the load balancer]
    #[arg(long, value_name = "NAME")]
    pub group: Option<String>,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

/// Arguments of `close-flip`.
#[derive(Debug, Args)]
pub struct CloseFlipArgs {
    #[command(flatten)]
    pub target: Target,
    /// One of the two target groups of the flip, by name or ARN [default: the only flip that is in progress]
    #[arg(long, value_name = "NAME")]
    pub group: Option<String>,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

/// A value that a build system may set to nothing: an empty one counts as none.
#[derive(Clone, Debug)]
pub struct Optional(Option<String>);

/// A pipeline execution; an empty one counts as none.
#[derive(Clone, Debug)]
pub struct Execution(Option<String>);

impl Execution {
    /// The execution's id, where there is one.
    #[must_use]
    pub fn id(option: Option<&Self>) -> Option<&str> {
        option.and_then(|execution| execution.0.as_deref())
    }
}

fn load_balancer(text: &str) -> Result<String, String> {
    let right = is_load_balancer_name(text).then(|| text.to_owned());
    right.ok_or_else(|| "expected a load balancer's name in --elb or ELB_NAME: 1 to 32 letters, digits and hyphens".to_owned())
}

fn service(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once('/').filter(|(cluster, name)| !cluster.is_empty() && !name.is_empty() && !name.contains('/'));
    parts.map(|(cluster, name)| (cluster.to_owned(), name.to_owned())).ok_or_else(|| "expected CLUSTER/SERVICE".to_owned())
}

fn port_pairs(text: &str) -> Result<Ports, String> {
    ports::parse(text).map(Ports)
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<u64>().ok().filter(|seconds| *seconds <= 3600);
    seconds.map(Duration::from_secs).ok_or_else(|| "expected whole seconds from 0 to 3600".to_owned())
}

fn time(text: &str) -> Result<Duration, String> {
    let some = seconds(text).ok().filter(|time| !time.is_zero());
    some.ok_or_else(|| "expected whole seconds from 1 to 3600".to_owned())
}

fn optional(text: &str) -> Result<Optional, String> {
    Ok(Optional(Some(text.to_owned()).filter(|text| !text.is_empty())))
}

fn execution(text: &str) -> Result<Execution, String> {
    if text.is_empty() {
        return Ok(Execution(None));
    }
    if let Some(why) = unresolved(text) {
        return Err(why.to_owned());
    }
    let right = is_execution(text).then(|| Execution(Some(text.to_owned())));
    right.ok_or_else(|| format!("expected letters, digits and + - = . _ : / @, at most {MAX_ID}"))
}

fn word(text: &str) -> Result<String, String> {
    let text = text.trim();
    is_word(text).then(|| text.to_owned()).ok_or_else(|| "expected an Identifier, a target group's name or its ARN".to_owned())
}

fn image_tag(text: &str) -> Result<String, String> {
    is_image_tag(text).then(|| text.to_owned()).ok_or_else(|| "expected an image tag, such as 1.4.2".to_owned())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_arguments_are_consistent() {
        super::command().debug_assert();
    }
}
