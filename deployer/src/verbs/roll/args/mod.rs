//! The command line of `roll`.

mod inputs;

use std::path::PathBuf;
use std::time::Duration;

use blue_green::roll::image::NewImage;
use clap::{Args, Subcommand};

pub use self::inputs::{Cluster, OnFailure, Place, Results, Source, Waiting};
use self::inputs::{id, image, set, wait};

const HELP: &str = "\
Renders a task definition, registers it, makes the service run it, and waits until ECS says that this very deployment was \
successful. A deployment that fails is undone, and the reason is shown: exit codes, stop reasons, the last log lines.

Examples:
  deployer roll deploy --cluster main --service web --image $ECR_REPO:$TAG
  deployer roll deploy --cluster main --service web --template task.json --set version=$TAG
  deployer roll plan   --cluster main --service web --image web=$ECR_REPO:$TAG
  deployer roll status --cluster main
  deployer roll back   --cluster main --service web
  deployer roll run    --cluster main --service web --container app -- ./manage.py migrate
  deployer roll exec   --cluster main --service web
  deployer roll release --release $CI_PIPELINE_ID --set tag=$TAG
  deployer roll status  --release $CI_PIPELINE_ID

Environment:
  ECS_CLUSTER, AWS_ECS_CLUSTER_NAME   the cluster (--cluster)
  ECS_SERVICE, AWS_ECS_SERVICE_NAME   the service (--service)
  AWS_ECS_TASK_NAME                   the task definition's family (--family)
  ECS_TASKDEF_TEMPLATE                the template (--template)
  GITHUB_OUTPUT, GITHUB_STEP_SUMMARY  where set, results are added there

Exit codes:
  0  done, or nothing to do
  2  the command line, the template or an image is wrong
  3  refused: the service is not in a state in which this may be done
  4  AWS does not allow a call
  5  AWS failed otherwise
  6  failed, and what ran before runs again
  7  failed, and the state is mixed: look at it
  8  the one-off task failed
  9  time is up, and it is still rolling
  1  anything else, such as Ctrl-C: the roll goes on, and the commands to go on or undo are shown";

/// A rolling update of an ECS service that says the truth
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct RollArgs {
    /// What to do.
    #[command(subcommand)]
    pub verb: RollVerb,
}

/// The verbs of `roll`.
#[derive(Debug, Subcommand)]
pub enum RollVerb {
    /// Write the running task definition as a template; values of the environment are masked
    Pull(PullArgs),
    /// Render a template to JSON, offline
    Render(RenderArgs),
    /// Show what deploy would change; write nothing
    Plan(PlanArgs),
    /// Register, update, wait, judge, and undo what fails
    Deploy(DeployArgs),
    /// Roll several services out as one release: all new, or all as before
    Release(ReleaseArgs),
    /// Wait for a deployment that is under way
    Wait(WaitArgs),
    /// Show what runs, what rolls and what failed last
    Status(StatusArgs),
    /// Go back to the last deployment that succeeded before the present one
    Back(BackArgs),
    /// Set the number of tasks, and wait for them
    Scale(ScaleArgs),
    /// Run a one-off task; its exit code is the result
    Run(RunArgs),
    /// Open a shell in a running container
    Exec(ExecArgs),
    /// Show what would make a roll fail or lie, each with its fix
    Doctor(DoctorArgs),
}

/// Arguments of `pull`.
#[derive(Debug, Args)]
pub struct PullArgs {
    #[command(flatten)]
    pub place: Place,
    /// A family, or one of its revisions [default: what the service runs]
    #[arg(long, value_name = "NAME[:REVISION]")]
    pub definition: Option<String>,
    /// Where the template goes [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Write the values of the environment too; they may be secret
    #[arg(long)]
    pub values: bool,
}

/// Arguments of `render`.
#[derive(Debug, Args)]
pub struct RenderArgs {
    /// A task definition in JSON, whose strings may hold ${name}
    #[arg(long, env = "ECS_TASKDEF_TEMPLATE", value_name = "FILE")]
    pub template: PathBuf,
    /// A value for the template
    #[arg(long, value_name = "NAME=VALUE", value_parser = set)]
    pub set: Vec<(String, String)>,
    /// A new image: for one container, or for every container of its repository
    #[arg(long, value_name = "[CONTAINER=]REPO:TAG", value_parser = image)]
    pub image: Vec<NewImage>,
}

/// Arguments of `plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    #[command(flatten)]
    pub place: Place,
    #[command(flatten)]
    pub source: Source,
    /// Plan new tasks even where nothing changes
    #[arg(long)]
    pub force: bool,
    /// Print JSON instead of a table
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `deploy`.
#[derive(Debug, Args)]
pub struct DeployArgs {
    #[command(flatten)]
    pub place: Place,
    #[command(flatten)]
    pub source: Source,
    /// Start new tasks even where nothing changes
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub waiting: Waiting,
}

/// Arguments of `release`.
#[derive(Debug, Args)]
pub struct ReleaseArgs {
    /// What belongs to the release
    #[arg(long, value_name = "FILE", default_value = "release.yml")]
    pub file: PathBuf,
    /// The release's id: the same one again goes on with it, or finishes its undo
    #[arg(long, value_name = "ID", value_parser = id)]
    pub release: String,
    /// A value for the file
    #[arg(long, value_name = "NAME=VALUE", value_parser = set)]
    pub set: Vec<(String, String)>,
    /// These members alone; not in production
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub only: Vec<String>,
    /// Take the release back, also where it was made
    #[arg(long)]
    pub undo: bool,
    /// Show what it would do; write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Begin although this other release has not ended
    #[arg(long, value_name = "ID", value_parser = id)]
    pub give_up: Option<String>,
    /// How long the release may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "1800", value_parser = wait)]
    pub timeout: Duration,
    #[command(flatten)]
    pub results: Results,
}

/// Arguments of `wait`.
#[derive(Debug, Args)]
pub struct WaitArgs {
    #[command(flatten)]
    pub place: Place,
    /// The deployment, also where it has ended [default: the one under way; it is an error where there is none]
    #[arg(long, value_name = "ecs-svc/N")]
    pub deployment: Option<String>,
    #[command(flatten)]
    pub waiting: Waiting,
}

/// Arguments of `status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    #[command(flatten)]
    pub cluster: Cluster,
    /// The services [default: all of the cluster]
    #[arg(long = "service", value_name = "NAME,...", value_delimiter = ',')]
    pub services: Vec<String>,
    /// Show where this release is, instead
    #[arg(long, value_name = "ID", value_parser = id, conflicts_with = "services")]
    pub release: Option<String>,
    /// What belongs to the release
    #[arg(long, value_name = "FILE", default_value = "release.yml", requires = "release")]
    pub file: PathBuf,
    /// Print JSON instead of a table
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `back`.
#[derive(Debug, Args)]
pub struct BackArgs {
    #[command(flatten)]
    pub place: Place,
    /// The revision to go back to [default: the last one whose deployment succeeded before the present one]
    #[arg(long, value_name = "FAMILY:REVISION")]
    pub to: Option<String>,
    #[command(flatten)]
    pub waiting: Waiting,
}

/// Arguments of `scale`.
#[derive(Debug, Args)]
pub struct ScaleArgs {
    #[command(flatten)]
    pub place: Place,
    /// How many tasks there are to be
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(0..=5000))]
    pub to: u32,
    /// How long the tasks may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "1800", value_parser = wait)]
    pub timeout: Duration,
}

/// Arguments of `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    pub place: Place,
    /// The family whose newest revision is run [default: what the service runs]
    #[arg(long, env = "AWS_ECS_TASK_NAME", value_name = "NAME[:REVISION]")]
    pub family: Option<String>,
    /// The container whose exit code is the result [default: the only essential one]
    #[arg(long, value_name = "NAME")]
    pub container: Option<String>,
    /// How long the task may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "1800", value_parser = wait)]
    pub timeout: Duration,
    #[command(flatten)]
    pub results: Results,
    /// What is run instead of the container's own command
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

/// Arguments of `doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    #[command(flatten)]
    pub place: Place,
    /// Print JSON instead of a table
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `exec`.
#[derive(Debug, Args)]
pub struct ExecArgs {
    #[command(flatten)]
    pub place: Place,
    /// The family of the tasks, where no service is named
    #[arg(long, env = "AWS_ECS_TASK_NAME", value_name = "NAME")]
    pub family: Option<String>,
    /// The task, by its id [default: asked for where there are several]
    #[arg(long, value_name = "ID")]
    pub task: Option<String>,
    /// The container [default: asked for where there are several]
    #[arg(long, value_name = "NAME")]
    pub container: Option<String>,
    /// What is run [default: bash, else sh]
    #[arg(long, value_name = "COMMAND")]
    pub command: Option<String>,
}
