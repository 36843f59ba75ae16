//! How a release ended: for people a table, for machines JSON.

use std::fmt::Write as _;
use std::time::Duration;

use blue_green::roll::release::journal::Kind;
use blue_green::roll::release::place::Place;
use blue_green::roll::seen::short;
use serde::Serialize;

use super::member::{Member, word};
use super::observe::Observed;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::verbs::roll::args::Results;
use crate::verbs::roll::outcome;

/// How a release ended.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Its id.
    pub release: String,
    /// The cluster.
    pub cluster: String,
    /// `released`, `nothing`, `planned`, `undone`, `rolled-back`, `mixed`, `rolling`, `task-failed`, `refused` or `failed`.
    pub outcome: &'static str,
    /// Why it failed; empty where it did not.
    pub reason: String,
    /// Every member.
    pub members: Vec<Row>,
    /// How long it took.
    pub seconds: u64,
    /// The exit code.
    pub exit: u8,
}

/// One member.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// `service`, `schedule` or `task`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// `family:revision` that it ran before.
    pub from: String,
    /// `family:revision` of this release.
    pub to: String,
    /// Where it is, in a few words.
    pub state: String,
}

impl Row {
    /// Of a service or a schedule on its way.
    #[must_use]
    pub fn of(member: &Member) -> Self {
        let state = match &member.place {
            Place::Stuck { reason } | Place::Failed { reason } | Place::Failing { reason } if !reason.is_empty() => {
                format!("{}: {reason}", word(&member.place))
            }
            Place::Foreign { by } => format!("{}: {by}", word(&member.place)),
            place => word(place).to_owned(),
        };
        let before = member.old.first().map_or(member.entry.before.as_str(), String::as_str);
        Self::new(&member.observed, short(before), short(&member.own), state)
    }

    /// Of a one-off task.
    #[must_use]
    pub fn of_task(observed: &Observed) -> Self {
        let ran = observed.own.as_ref().and_then(|(_, entry)| entry.ran.as_ref());
        let code = |code: Option<i64>| code.map_or_else(|| "no exit code".to_owned(), |code| format!("exit code {code}"));
        let state = ran.map_or_else(|| "not run".to_owned(), |ran| format!("ran: {}", code(ran.code)));
        let to = observed.own.as_ref().map_or("-", |(own, _)| own.name());
        Self::new(observed, "-", to, state)
    }

    fn new(observed: &Observed, from: &str, to: &str, state: String) -> Self {
        let kind = observed.member.kind.word();
        Self { kind, name: observed.member.name.clone(), from: from.to_owned(), to: to.to_owned(), state }
    }

    /// Before anything is registered.
    #[must_use]
    pub fn planned(observed: &Observed, same: bool) -> Self {
        let from = if observed.member.kind == Kind::Task { "-" } else { observed.base.name() };
        let family = super::observe::family(&observed.base);
        let state = if same { "the same" } else { "new" };
        Self::new(observed, from, &format!("{family}:(new)"), state.to_owned())
    }
}

impl Report {
    /// Of a release that has not begun.
    #[must_use]
    pub fn of(release: &str, cluster: &str) -> Self {
        let (release, cluster, reason) = (release.to_owned(), cluster.to_owned(), String::new());
        Self { release, cluster, outcome: "released", reason, members: Vec::new(), seconds: 0, exit: 0 }
    }

    /// The same, ended like this.
    pub fn end(&mut self, done: &Result<Exit, Failure>, took: Duration) {
        self.seconds = took.as_secs();
        match done {
            Ok(exit) => self.exit = *exit as u8,
            Err(failure) => {
                self.exit = failure.exit() as u8;
                self.outcome = match failure.exit() {
                    Exit::RolledBack => "rolled-back",
                    Exit::Mixed => "mixed",
                    Exit::Rolling => "rolling",
                    Exit::Task => "task-failed",
                    Exit::Refused => "refused",
                    _ => "failed",
                };
                if self.reason.is_empty() {
                    failure.to_string().lines().next().unwrap_or_default().clone_into(&mut self.reason);
                }
            }
        }
    }

    /// The members as a table.
    #[must_use]
    pub fn table(&self) -> String {
        let mut table = output::table(&["", "name", "from", "to", "is"]);
        for row in &self.members {
            table.add_row([row.kind, &row.name, &row.from, &row.to, &row.state]);
        }
        table.to_string()
    }

    /// Writes it wherever it is asked for.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, results: &Results) -> Result<(), Failure> {
        let pairs = [
            ("release", self.release.clone()),
            ("outcome", self.outcome.to_owned()),
            ("reason", self.reason.replace(['\n', '\r'], " ")),
            ("seconds", self.seconds.to_string()),
            ("exit", self.exit.to_string()),
        ];
        outcome::write(results, self, &pairs, &self.summary())
    }

    /// A table as GitHub shows it.
    fn summary(&self) -> String {
        let cell = |text: &str| text.replace('|', "\\|").replace(['\n', '\r'], " ");
        let mut text = format!("**Release {}: {}** ({} s)\n\n", cell(&self.release), self.outcome, self.seconds);
        text.push_str("| | name | from | to | is |\n|---|---|---|---|---|\n");
        for Row { kind, name, from, to, state } in &self.members {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "| {kind} | {} | {} | {} | {} |", cell(name), cell(from), cell(to), cell(state));
        }
        if !self.reason.is_empty() {
            let _ = writeln!(text, "\n{}", cell(&self.reason));
        }
        text
    }
}
