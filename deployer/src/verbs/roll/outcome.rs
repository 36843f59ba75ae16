//! How a roll ended, for machines: JSON, dotenv, and what GitHub Actions reads.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use blue_green::roll::plan::ImageChange;
use serde::Serialize;

use super::args::Results;
use super::failure::RollFailure;
use crate::exit::Exit;
use crate::failure::Failure;

/// How a roll ended.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// `cluster/service`.
    pub service: String,
    /// `deployed`, `nothing`, `rolled-back`, `mixed`, `superseded`, `rolling`, `refused` or `failed`.
    pub outcome: &'static str,
    /// `family:revision` that ran before.
    pub from: String,
    /// `family:revision` that was to run.
    pub to: String,
    /// The deployment, `ecs-svc/N`; empty where none was started.
    pub deployment: String,
    /// Why it failed; empty where it did not.
    pub reason: String,
    /// Every container's image before and after.
    pub images: Vec<ImageChange>,
    /// How long it took.
    pub seconds: u64,
    /// The exit code.
    pub exit: u8,
}

impl Outcome {
    /// Of a roll that has not begun.
    #[must_use]
    pub fn of(service: String, from: String, to: String, images: Vec<ImageChange>) -> Self {
        let (deployment, reason) = (String::new(), String::new());
        Self { service, outcome: "deployed", from, to, deployment, reason, images, seconds: 0, exit: 0 }
    }

    /// The same, ended like this.
    pub fn end(&mut self, done: &Result<Exit, Failure>, took: Duration) {
        self.seconds = took.as_secs();
        let failure = match done {
            Ok(exit) => {
                self.exit = *exit as u8;
                return;
            }
            Err(failure) => failure,
        };
        self.exit = failure.exit() as u8;
        self.outcome = match failure {
            Failure::Roll(RollFailure::RolledBack { .. }) => "rolled-back",
            Failure::Roll(RollFailure::Mixed { .. }) => "mixed",
            Failure::Roll(RollFailure::Superseded { .. }) => "superseded",
            Failure::Roll(RollFailure::Rolling { .. } | RollFailure::Left { .. } | RollFailure::Blind { .. }) => "rolling",
            Failure::Roll(RollFailure::Blocked(_) | RollFailure::Refused(_)) => "refused",
            _ => "failed",
        };
        self.reason = match failure {
            Failure::Roll(RollFailure::RolledBack { reason, .. } | RollFailure::Mixed { reason, .. }) => reason.clone(),
            other => other.to_string().lines().next().unwrap_or_default().to_owned(),
        };
    }

    fn pairs(&self) -> [(&'static str, String); 8] {
        [
            ("service", self.service.clone()),
            ("outcome", self.outcome.to_owned()),
            ("from", self.from.clone()),
            ("to", self.to.clone()),
            ("deployment", self.deployment.clone()),
            // One line, whatever ECS says.
            ("reason", self.reason.replace(['\n', '\r'], " ")),
            ("seconds", self.seconds.to_string()),
            ("exit", self.exit.to_string()),
        ]
    }

    /// Writes it wherever it is asked for.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, results: &Results) -> Result<(), Failure> {
        write(results, self, &self.pairs(), &self.summary())
    }

    /// A table as GitHub shows it.
    fn summary(&self) -> String {
        let cell = |text: &str| text.replace('|', "\\|").replace(['\n', '\r'], " ");
        let mut text = "| service | outcome | from | to | duration |\n|---|---|---|---|---|\n".to_owned();
        let Self { service, outcome, from, to, seconds, .. } = self;
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| {} | {outcome} | {} | {} | {seconds} s |\n", cell(service), cell(from), cell(to));
        for image in self.images.iter().filter(|image| image.from != image.to) {
            let _ = writeln!(text, "- `{}`: `{}` → `{}`", image.container, image.from, image.to);
        }
        if !self.reason.is_empty() {
            let _ = writeln!(text, "\n{}", cell(&self.reason));
        }
        text
    }
}

/// Writes a result wherever it is asked for: as JSON, as lines of `NAME=VALUE`, and where GitHub Actions reads it.
///
/// # Errors
/// A file that cannot be written.
pub fn write(results: &Results, json: &impl Serialize, pairs: &[(&'static str, String)], summary: &str) -> Result<(), Failure> {
    if let Some(path) = &results.json {
        let text = serde_json::to_string_pretty(json).map_err(|error| Failure::Output(error.into()))?;
        put(path, &format!("{text}\n"), false)?;
    }
    let lines = |line: &dyn Fn(&str, &str) -> String| pairs.iter().map(|(name, value)| line(name, value)).collect::<String>();
    if let Some(path) = &results.dotenv {
        put(path, &lines(&|name, value| format!("ROLL_{}={value}\n", name.to_uppercase())), false)?;
    }
    let file = |name: &str| std::env::var_os(name).filter(|path| !path.is_empty());
    if let Some(path) = file("GITHUB_OUTPUT") {
        put(Path::new(&path), &lines(&|name, value| format!("{name}={value}\n")), true)?;
    }
    if let Some(path) = file("GITHUB_STEP_SUMMARY") {
        put(Path::new(&path), summary, true)?;
    }
    Ok(())
}

fn put(path: &Path, text: &str, append: bool) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.create(true).write(true).append(append).truncate(!append);
    let written = options.open(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| Failure::Roll(RollFailure::Results { file: path.display().to_string(), reason: error.to_string() }))
}
