//! What a person sees: steps and warnings on standard error, results on standard output.

use std::fmt;
use std::io::{self, IsTerminal, Write};

use clap::builder::styling::AnsiColor;
use comfy_table::{Cell, ContentArrangement, Table, presets};
use dialoguer::Confirm;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::failure::Failure;

/// Shows on standard error what the library has to tell while it works: calls that are tried again. The AWS SDK's own
/// lines stay out, they hold whole answers.
pub fn log() {
    let own = Targets::new().with_target("blue_green", LevelFilter::WARN);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).without_time().with_target(false).with_ansi(false);
    tracing_subscriber::registry().with(own).with(lines).init();
}

/// One step of a longer work.
pub fn step(text: &str) {
    anstream::eprintln!("{text}");
}

/// Something that a person should look at although the work goes on.
pub fn warn(text: &str) {
    let style = AnsiColor::Yellow.on_default().bold();
    anstream::eprintln!("{style}warning:{style:#} {text}");
}

/// Why the work was not done.
pub fn error(text: &str) {
    let style = AnsiColor::Red.on_default().bold();
    anstream::eprintln!("{style}error:{style:#} {text}");
}

/// A result, on standard output.
///
/// # Errors
/// Where it cannot be written. Whoever closed the pipe has seen enough, and that is no error.
pub fn print(result: &impl fmt::Display) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    match write!(out, "{result}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Output(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// A result as JSON, on standard output.
///
/// # Errors
/// Where it cannot be written.
pub fn json(result: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(result).map_err(|error| Failure::Output(error.into()))?;
    print(&format_args!("{text}\n"))
}

/// A table without borders between its rows, as wide as the terminal at most.
#[must_use]
pub fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(header.iter().map(Cell::new));
    table
}

/// A search through so many services: a line, and a bar on a terminal.
#[must_use]
pub fn search(services: usize) -> ProgressBar {
    step(&format!("no usable Service tag says what runs: searching {services} ECS services for it"));
    let style = ProgressStyle::with_template("{spinner} [{elapsed}] {bar:30} {pos} of {len} services");
    ProgressBar::new(services as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Asks a person.
///
/// # Errors
/// Where nobody is there to be asked.
pub fn confirmed(prompt: &str, what: &str) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        let what = format!("{what} must be confirmed, and this is not a terminal; pass --yes where you are sure");
        return Err(Failure::Usage(what));
    }
    let answer = Confirm::new().with_prompt(prompt).default(false).interact();
    answer.map_err(|error| Failure::System(format!("the question could not be asked ({error}); pass --yes where you are sure")))
}
