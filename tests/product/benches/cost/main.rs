//! What a flip and a build step cost on this machine, as tables: `bin/bench function`.
//!
//! The real programs against the local AWS. Round trips, calls and connections are exact; times and CPU are this machine's, now. It
//! ends with 1 where a figure misses its goal.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a benchmark says by a panic what it found")]

mod deployer;
mod figures;
mod flips;
mod held;
mod process;
mod scenarios;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use figures::Figures;
use local_aws::world::{PROGRAMS, binary};

/// What a flip and a build step cost on this machine
#[derive(Debug, Parser)]
#[command(name = "bin/bench function")]
struct Options {
    /// Fewer runs of fewer scenarios: a minute
    #[arg(long)]
    quick: bool,
    /// Write the figures to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Say what differs from the figures in this file
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
    /// What cargo passes to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let before = options.compare.as_deref().map(figures::read);
    let mut figures = Figures::default();
    sizes(&mut figures);
    flips::measure(&mut figures, options.quick).await;
    deployer::measure(&mut figures, options.quick).await;
    figures.print();
    if let Some(before) = &before {
        figures.print_changes(before);
    }
    if let Some(path) = &options.json {
        figures.write(path);
    }
    figures.code()
}

/// How large the programs are, and the function's archive where it is beside them.
fn sizes(figures: &mut Figures) {
    let which = std::env::var(PROGRAMS).map_or_else(|_| "release build".to_owned(), |folder| format!("of {folder}"));
    println!("The programs are measured as they are: {which}");
    for name in ["blue-green-flip", "blue-green-flip.zip", "deployer"] {
        if let Ok(file) = std::fs::metadata(binary(name).with_file_name(name)) {
            figures.exact(&format!("{name}, size"), "MB", file.len() as f64 / 1e6, None);
        }
    }
}
