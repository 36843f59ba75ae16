//! A build: the commands of a buildspec in a shell, with the environment that CodeBuild gives.
//!
//! Source: CodeBuild user guide, "Build specification reference for CodeBuild" (version 0.2: one shell for all commands) and
//! "Environment variables in build environments".

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use tokio::process::Command;

/// A buildspec, as far as it is known here.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Buildspec {
    version: f64,
    #[serde(default)]
    env: Env,
    phases: Phases,
    #[serde(default)]
    artifacts: Artifacts,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Env {
    shell: Option<String>,
    #[serde(default)]
    variables: BTreeMap<String, String>,
    #[serde(default)]
    exported_variables: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Phases {
    install: Option<Phase>,
    pre_build: Option<Phase>,
    build: Option<Phase>,
    post_build: Option<Phase>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Phase {
    on_failure: Option<String>,
    #[serde(default)]
    commands: Vec<String>,
    #[serde(default)]
    finally: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Artifacts {
    #[serde(default)]
    files: Vec<String>,
    base_directory: Option<String>,
}

/// What a build made.
#[derive(Debug)]
pub struct Built {
    /// The exported variables that have a value.
    pub exported: BTreeMap<String, String>,
    /// The folder that artifacts are named from.
    pub base: PathBuf,
    /// The files of the artifact.
    pub files: Vec<PathBuf>,
    /// What the commands told.
    pub log: String,
}

/// Marks in the output where the exported variables begin.
const EXPORTED: &str = "@@exported@@";

impl Buildspec {
    /// Reads a buildspec.
    ///
    /// # Errors
    /// What is none, and what is not known here.
    pub fn read(text: &str) -> Result<Self> {
        let spec: Self = serde_yaml_ng::from_str(text).context("a buildspec that is not known here")?;
        ensure!((spec.version - 0.2).abs() < f64::EPSILON, "buildspec version {} is not known here", spec.version);
        Ok(spec)
    }

    /// Runs the commands in a folder.
    ///
    /// # Errors
    /// A command that fails, with what was told.
    pub async fn run(&self, folder: &Path, env: &BTreeMap<String, String>) -> Result<Built> {
        let shell = self.env.shell.as_deref().unwrap_or("sh");
        ensure!(["sh", "bash"].contains(&shell), "the shell {shell} is not known here");
        let script = self.script()?;
        let output = Command::new(shell)
            .arg("-c")
            .arg(&script)
            .current_dir(folder)
            .env_clear()
            .envs(&self.env.variables)
            .envs(env)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await?;
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        let (told, exported) = told.split_once(EXPORTED).unwrap_or((&told, ""));
        let log = format!("{told}{}", String::from_utf8_lossy(&output.stderr));
        if !output.status.success() {
            bail!("the build failed: {}", log.trim());
        }
        let exported = exported.split('\0').filter_map(|line| line.trim_start_matches('\n').split_once('='));
        let exported = exported.filter(|(_, value)| !value.is_empty()).map(|(name, value)| (name.to_owned(), value.to_owned()));
        let base = self.artifacts.base_directory.as_ref().map_or_else(|| folder.to_owned(), |base| folder.join(base));
        let files = self.artifacts.files.iter().map(|name| found(&base, name)).collect::<Result<Vec<_>>>()?;
        Ok(Built { exported: exported.collect(), files: files.into_iter().flatten().collect(), base, log })
    }

    /// All phases as one script. post_build runs after a build that failed, unless that one aborts.
    fn script(&self) -> Result<String> {
        let mut script = "failed=0\n".to_owned();
        let Phases { install, pre_build, build, post_build } = &self.phases;
        let phases = [("install", install), ("pre_build", pre_build), ("build", build), ("post_build", post_build)];
        for (name, phase) in phases {
            let Some(phase) = phase else { continue };
            let after_failure = if name == "post_build" { "" } else { "[ $failed = 0 ] && " };
            let abort = match phase.on_failure.as_deref() {
                None | Some("CONTINUE") => "",
                Some("ABORT") => "[ $failed = 0 ] || exit 1\n",
                Some(other) => bail!("on-failure {other} is not known here"),
            };
            let commands: Vec<String> = phase.commands.iter().map(|command| told(command)).collect();
            let commands = if commands.is_empty() { "true".to_owned() } else { commands.join(" && ") };
            writeln!(script, "{after_failure}{{ {commands} || failed=1; }}")?;
            for command in &phase.finally {
                writeln!(script, "eval {} || failed=1", quoted(command))?;
            }
            script += abort;
        }
        writeln!(script, "[ $failed = 0 ] || exit 1\nprintf '%s' '{EXPORTED}'")?;
        for name in &self.env.exported_variables {
            writeln!(script, "printf '%s=%s\\0' '{name}' \"${{{name}-}}\"")?;
        }
        Ok(script)
    }
}

/// A command that says what it was where it fails.
fn told(command: &str) -> String {
    let quoted = quoted(command);
    format!("{{ eval {quoted} || {{ echo 'COMMAND_EXECUTION_ERROR:' {quoted} >&2; false; }}; }}")
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The files of an entry: a name, or everything.
fn found(base: &Path, name: &str) -> Result<Vec<PathBuf>> {
    if name == "**/*" {
        return super::artifacts::files(base);
    }
    ensure!(!name.contains('*'), "the artifact files {name} are not known here");
    let path = base.join(name);
    ensure!(path.is_file(), "no matching artifact paths found: {name}");
    Ok(vec![path])
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed expectation ends a test")]
mod tests {
    use super::*;

    async fn run(text: &str) -> Result<Built> {
        let folder = tempfile::tempdir().unwrap();
        let env = [("PATH".to_owned(), std::env::var("PATH").unwrap())].into();
        Buildspec::read(text).unwrap().run(folder.path(), &env).await
    }

    #[tokio::test]
    async fn all_commands_run_in_one_shell() {
        let built = run(
            "{version: 0.2, env: {exported-variables: [A, B]}, phases: {build: {commands: [export A=1, 'echo $A > f']}}, artifacts: {files: [f]}}",
        );
        let built = built.await.unwrap();
        assert_eq!(built.exported, [("A".to_owned(), "1".to_owned())].into());
        assert_eq!(built.files.len(), 1);
    }

    #[tokio::test]
    async fn post_build_runs_after_a_build_that_failed_and_did_not_abort() {
        let spec = |on_failure: &str| {
            format!(
                "{{version: 0.2, phases: {{build: {{{on_failure} commands: ['false']}}, post_build: {{commands: [echo after]}}}}}}"
            )
        };
        assert!(run(&spec("")).await.unwrap_err().to_string().contains("after"));
        assert!(!run(&spec("on-failure: ABORT,")).await.unwrap_err().to_string().contains("after"));
    }

    #[test]
    fn what_is_not_known_is_refused() {
        assert!(Buildspec::read("{version: 0.2, phases: {build: {commands: []}}, cache: {paths: []}}").is_err());
    }
}
