//! What several verbs take: where, from what, how long, and where results go.

use std::path::PathBuf;
use std::time::Duration;

use blue_green::roll::image::NewImage;
use blue_green::roll::template::is_name;
use clap::{Args, ValueEnum};

use crate::failure::Failure;

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

/// `--set NAME=VALUE`.
///
/// # Errors
/// What was expected.
pub fn set(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(name, _)| is_name(name));
    pair.map(|(name, value)| (name.to_owned(), value.to_owned()))
        .ok_or_else(|| "expected NAME=VALUE; a name has letters, digits and _".to_owned())
}

/// `--image [CONTAINER=]REPO:TAG`.
///
/// # Errors
/// What was expected.
pub fn image(text: &str) -> Result<NewImage, String> {
    text.parse().map_err(|_| "expected REPOSITORY:TAG, REPOSITORY@sha256:DIGEST, or CONTAINER= and one of these".to_owned())
}

/// `--timeout SECONDS`.
///
/// # Errors
/// What was expected.
pub fn wait(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<u64>().ok().filter(|seconds| (1..=172_800).contains(seconds));
    seconds.map(Duration::from_secs).ok_or_else(|| "expected whole seconds from 1 to 172800".to_owned())
}

/// `--release ID`.
///
/// # Errors
/// What was expected.
pub fn id(text: &str) -> Result<String, String> {
    let legal = blue_green::roll::release::journal::is_id(text);
    legal.then(|| text.to_owned()).ok_or_else(|| "expected 1 to 128 letters, digits, spaces and + - = . _ : / @".to_owned())
}
