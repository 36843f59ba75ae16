//! `init`: writes a CI system's recipe into a repository.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use dialoguer::Input;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, confirmed};

const HELP: &str = "\
Writes .gitlab-ci.yml, task-dev.json and task-prod.json, and shows the commands that make the stacks. On a terminal it asks for what \
no option says. A file that is there and says something else is replaced only where you say so. It calls nothing on AWS.

Example:
  deployer init gitlab --project group/shop --service shop-web --account 111122223333 --region eu-central-1

Exit codes:
  0  written
  2  an option is missing or wrong, or a file is there and nobody could be asked; nothing was written
  1  a file cannot be read or written";

const PIPELINE: &str = include_str!("../../../recipes/gitlab/.gitlab-ci.yml");
const DEV: &str = include_str!("../../../recipes/gitlab/task-dev.json");
const PROD: &str = include_str!("../../../recipes/gitlab/task-prod.json");

/// Arguments of `init`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct InitArgs {
    /// The CI system.
    #[command(subcommand)]
    system: System,
}

#[derive(Debug, Subcommand)]
enum System {
    /// GitLab: build, push and roll; production by tag and by hand
    #[command(after_help = HELP)]
    Gitlab(GitlabArgs),
}

#[derive(Debug, Args)]
struct GitlabArgs {
    /// The project's path, as in its address
    #[arg(long, value_name = "GROUP/PROJECT", value_parser = project)]
    project: Option<String>,
    /// The service, its container and its ECR repository
    #[arg(long, value_name = "NAME", value_parser = service)]
    service: Option<String>,
    /// The AWS account
    #[arg(long, value_name = "NUMBER", value_parser = account)]
    account: Option<String>,
    /// The AWS Region
    #[arg(long, env = "AWS_REGION", value_name = "NAME", default_value = "us-east-1")]
    region: String,
    /// The repository's folder
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    folder: PathBuf,
    /// Replace files that are there, without asking
    #[arg(long)]
    yes: bool,
}

/// Writes the files, and shows what comes next.
///
/// # Errors
/// A [`Failure`], also where something is missing and nobody is there to be asked.
pub fn run(args: &InitArgs) -> Result<Exit, Failure> {
    let System::Gitlab(args) = &args.system;
    let project = asked(args.project.as_ref(), "--project", "The project's path, GROUP/PROJECT", project)?;
    let service = asked(args.service.as_ref(), "--service", "The service's name", service)?;
    let account = asked(args.account.as_ref(), "--account", "The AWS account's number", account)?;
    let own =
        |text: &str| text.replace("shop-web", &service).replace("111122223333", &account).replace("us-east-1", &args.region);
    let files = [(".gitlab-ci.yml", own(PIPELINE)), ("task-dev.json", own(DEV)), ("task-prod.json", own(PROD))];
    let mut there = Vec::new();
    for (name, text) in &files {
        if differs(&args.folder.join(name), text)? {
            there.push(*name);
        }
    }
    let question = format!("{} would be replaced. Replace", there.join(", "));
    if !there.is_empty() && !args.yes && !confirmed(&question, &format!("replacing {}", there.join(", ")))? {
        output::print(&format_args!("nothing was written\n"))?;
        return Ok(Exit::Done);
    }
    for (name, text) in &files {
        write(&args.folder.join(name), text)?;
    }
    output::print(&next(&project, &service, &account, &args.region))?;
    Ok(Exit::Done)
}

/// What was given, else what a person says.
fn asked(
    given: Option<&String>,
    option: &str,
    prompt: &str,
    check: fn(&str) -> Result<String, String>,
) -> Result<String, Failure> {
    if let Some(given) = given {
        return Ok(given.clone());
    }
    if !std::io::stdin().is_terminal() {
        return Err(Failure::Usage(format!(
            "{option} is missing, and this is not a terminal, so nobody can be asked; pass {option}"
        )));
    }
    let answer = Input::<String>::new().with_prompt(prompt).validate_with(|text: &String| check(text).map(drop)).interact_text();
    answer.map_err(|error| Failure::System(format!("the question could not be asked ({error}); pass {option}")))
}

/// Whether a file is there that says something else.
fn differs(path: &Path, text: &str) -> Result<bool, Failure> {
    match std::fs::read(path) {
        Ok(old) => Ok(old != text.as_bytes()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Failure::System(format!(
            "{} is there and cannot be read ({error}); nothing was written. Move it away, or name another folder with --folder",
            path.display()
        ))),
    }
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let shown = path.display();
    std::fs::write(path, text).map_err(|error| {
        Failure::System(format!("{shown} cannot be written ({error}); make its folder, or name another one with --folder"))
    })?;
    output::step(&format!("wrote {shown}"));
    Ok(())
}

/// The commands that make the stacks of both environments.
fn next(project: &str, service: &str, account: &str, region: &str) -> String {
    let mut text = String::from("\nThe stacks, from a copy of the deployer's repository:\n");
    // The first environment makes what the account has once.
    let provider = format!(" ProviderArn=arn:aws:iam::{account}:oidc-provider/gitlab.com");
    let stages = [
        ("dev", "branch:ref:main", format!(" Repository={service}"), ""),
        ("prod", "tag:ref:v*", String::new(), provider.as_str()),
    ];
    for (stage, subject, repository, provider) in stages {
        text += &format!(
            "\n  # {stage}\n  \
             aws cloudformation deploy --region {region} --stack-name {stage} --template-file cloudformation/cluster.yaml \\\n    \
             --parameter-overrides Cluster={stage}{repository}\n  \
             aws cloudformation deploy --region {region} --stack-name {stage}-ci --template-file cloudformation/ci-access.yaml \\\n    \
             --capabilities CAPABILITY_IAM --parameter-overrides System=gitlab Cluster={stage} Repository={service}{provider} \\\n    \
             'Subject=project_path:{project}:ref_type:{subject}'\n"
        );
    }
    text += "\nThe service's own stack needs a first image: cloudformation/README.md, \"A service that is rolled\".\n";
    text += "Then set the variables that recipes/gitlab/README.md lists, and push.\n";
    text
}

fn project(text: &str) -> Result<String, String> {
    let legal = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    let right = text.contains('/') && text.split('/').all(legal);
    right.then(|| text.to_owned()).ok_or_else(|| "expected GROUP/PROJECT, such as acme/shop".to_owned())
}

fn service(text: &str) -> Result<String, String> {
    let right = text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.len() <= 40
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    right
        .then(|| text.to_owned())
        .ok_or_else(|| "expected a letter, then small letters, digits and hyphens; 40 at most".to_owned())
}

fn account(text: &str) -> Result<String, String> {
    let right = text.len() == 12 && text.chars().all(|c| c.is_ascii_digit());
    right.then(|| text.to_owned()).ok_or_else(|| "expected an account's number: 12 digits".to_owned())
}
