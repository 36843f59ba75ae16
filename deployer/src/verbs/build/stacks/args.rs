//! What the build step's job takes where the sides are CloudFormation stacks.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

/// Arguments for sides that are stacks.
#[derive(Debug, Args)]
#[command(next_help_heading = "Sides that are CloudFormation stacks")]
pub struct StacksArgs {
    /// The sides are the stacks NAME-Code1 and NAME-Code2. Beside build.json, each gets a template and a configuration
    /// (Code1.yaml, Code1.json, ...): the live side exactly what its stack has, the test side the new ones
    #[arg(id = "stacks", long = "stacks", env = "STACKS", value_name = "NAME", value_parser = name)]
    pub name: Option<String>,
    /// The new template [default: service.yaml beside build.json]
    #[arg(long, value_name = "FILE", requires = "stacks")]
    pub template: Option<PathBuf>,
    /// The new template's parameters, {"Cpu":"512"} [default: parameters.json beside build.json, where it is there]
    #[arg(long, value_name = "FILE", requires = "stacks")]
    pub parameters: Option<PathBuf>,
    /// What the parameter Repository of the new template gets
    #[arg(long, env = "REPOSITORY", value_name = "URI")]
    pub repository: Option<String>,
    /// Where Execution, PromoteTo and PromoteImage go, for a shell to read: what the flip of this release is to be given
    #[arg(long, value_name = "FILE", requires = "stacks", requires = "execution")]
    pub env_file: Option<PathBuf>,
    /// How long after the last flip the side that one could roll back to is kept, in minutes; 2 at least
    #[arg(long = "keep", env = "KEEP_MINUTES", value_name = "MINUTES", default_value = "2", value_parser = clap::value_parser!(u16).range(2..=600))]
    keep: u16,
    /// yes: keep it only as long as the load balancer needs it
    #[arg(long, env = "URGENT", value_name = "yes|no", default_value = "no")]
    urgent: Urgent,
}

/// Whether a release waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Urgent {
    Yes,
    No,
}

impl StacksArgs {
    /// How long after a flip the side it retired is kept: never shorter than `least`, which the load balancer needs.
    #[must_use]
    pub fn keep(&self, least: Duration) -> Duration {
        let asked = Duration::from_secs(u64::from(self.keep) * 60);
        if self.urgent == Urgent::Yes { least } else { asked.max(least) }
    }
}

fn name(text: &str) -> Result<String, String> {
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.len() <= 122;
    let right = begins && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    right
        .then(|| text.to_owned())
        .ok_or_else(|| "expected what stacks may be named: a letter, then letters, digits and -".to_owned())
}
