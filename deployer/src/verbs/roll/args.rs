//! The command line of `roll`.

use std::path::PathBuf;
use std::time::Duration;

use blue_green::roll::image::NewImage;
use blue_green::roll::template::is_name;
use clap::{Args, Subcommand, ValueEnum};

use crate::failure::Failure;

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

/// Which cluster.
#[derive(Clone, Debug, Args)]
pub struct Cluster {
    /// The ECS cluster
    #[arg(long, env = "ECS_CLUSTER", value_name = "NAME")]
    cluster: Option<String>,
}

impl Cluster {
    /// The cluster's name.
    ///
    /// # Errors
    /// [`Failure::Usage`] where there is none.
    pub fn name(&self) -> Result<String, Failure> {
        given(self.cluster.as_deref(), "AWS_ECS_CLUSTER_NAME").ok_or_else(|| {
            Failure::Usage("no cluster is named; pass --cluster, or set ECS_CLUSTER or AWS_ECS_CLUSTER_NAME".to_owned())
        })
    }
}

/// Which service.
#[derive(Clone, Debug, Args)]
pub struct Place {
    #[command(flatten)]
    cluster: Cluster,
    /// The ECS service
    #[arg(long, env = "ECS_SERVICE", value_name = "NAME")]
    service: Option<String>,
}

impl Place {
    /// The names of cluster and service.
    ///
    /// # Errors
    /// [`Failure::Usage`] where one is missing.
    pub fn names(&self) -> Result<(String, String), Failure> {
        let service = self.service().ok_or_else(|| {
            Failure::Usage("no service is named; pass --service, or set ECS_SERVICE or AWS_ECS_SERVICE_NAME".to_owned())
        })?;
        Ok((self.cluster()?, service))
    }

    /// The cluster.
    ///
    /// # Errors
    /// [`Failure::Usage`] where there is none.
    pub fn cluster(&self) -> Result<String, Failure> {
        self.cluster.name()
    }

    /// The service, where one is named.
    #[must_use]
    pub fn service(&self) -> Option<String> {
        given(self.service.as_deref(), "AWS_ECS_SERVICE_NAME")
    }
}

/// A value, else that of another variable; an empty one counts as none.
fn given(value: Option<&str>, variable: &str) -> Option<String> {
    let some = |text: &String| !text.is_empty();
    value.map(str::to_owned).filter(some).or_else(|| std::env::var(variable).ok().filter(some))
}

/// Where the task definition comes from.
#[derive(Clone, Debug, Args)]
pub struct Source {
    /// The family of the task definition [default: that of the service's own]
    #[arg(long, env = "AWS_ECS_TASK_NAME", value_name = "NAME")]
    family: Option<String>,
    /// A task definition in JSON, whose strings may hold ${name} [default: the running definition]
    #[arg(long, env = "ECS_TASKDEF_TEMPLATE", value_name = "FILE")]
    template: Option<PathBuf>,
    /// A value for the template
    #[arg(long, value_name = "NAME=VALUE", value_parser = set)]
    pub set: Vec<(String, String)>,
    /// A new image: for one container, or for every container of its repository
    #[arg(long, value_name = "[CONTAINER=]REPO:TAG", value_parser = image)]
    pub image: Vec<NewImage>,
    /// Leave tags as they are; otherwise images in ECR are pinned to the digest that the tag has now
    #[arg(long)]
    pub no_pin: bool,
}

impl Source {
    /// The family, where one is named.
    #[must_use]
    pub fn family(&self) -> Option<&str> {
        self.family.as_deref().filter(|family| !family.is_empty())
    }

    /// The template, where one is named.
    #[must_use]
    pub fn template(&self) -> Option<&PathBuf> {
        self.template.as_ref().filter(|path| !path.as_os_str().is_empty())
    }
}

/// What happens to a deployment that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OnFailure {
    /// What ran before runs again
    Undo,
    /// It is left as it is
    Keep,
}

/// How long to wait, and what then.
#[derive(Clone, Debug, Args)]
pub struct Waiting {
    /// How long the service may take to roll, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "1800", value_parser = wait)]
    pub timeout: Duration,
    /// What happens to a deployment that fails
    #[arg(long, value_name = "WHAT", default_value = "undo")]
    pub on_failure: OnFailure,
    #[command(flatten)]
    pub results: Results,
}

/// Where results for machines go.
#[derive(Clone, Debug, Args)]
pub struct Results {
    /// Write the result as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write the result as NAME=VALUE lines, as GitLab's dotenv reports have them
    #[arg(long, value_name = "FILE")]
    pub dotenv: Option<PathBuf>,
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

fn set(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(name, _)| is_name(name));
    pair.map(|(name, value)| (name.to_owned(), value.to_owned()))
        .ok_or_else(|| "expected NAME=VALUE; a name has letters, digits and _".to_owned())
}

fn image(text: &str) -> Result<NewImage, String> {
    text.parse().map_err(|_| "expected REPOSITORY:TAG, REPOSITORY@sha256:DIGEST, or CONTAINER= and one of these".to_owned())
}

fn wait(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<u64>().ok().filter(|seconds| (1..=172_800).contains(seconds));
    seconds.map(Duration::from_secs).ok_or_else(|| "expected whole seconds from 1 to 172800".to_owned())
}
