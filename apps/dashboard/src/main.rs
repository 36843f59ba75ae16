//! The release dashboard: what is released and deployed, per project, on one page.

mod asks;
mod board;
mod demo;
mod figures;
mod follow;
mod gitlab;
mod log;
mod members;
mod model;
mod priorities;
mod refresh;
mod releases;
mod secret;
mod sessions;
mod settings;
mod source;
mod start;
mod store;
mod view;
mod web;

use std::process::ExitCode;

use clap::{Parser, ValueEnum};

/// What this process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Serves and refreshes
    Both,
    /// Serves what a refresher writes to Redis
    Serve,
    /// Refreshes, and writes to Redis
    Refresh,
}

/// The release dashboard: which version of which project runs in which environment, on one page.
#[derive(Debug, Parser)]
#[command(version, after_help = settings::help(), max_term_width = 130)]
pub struct Arguments {
    /// What this process does; apart from each other, `serve` and `refresh` need REDIS_HOST
    #[arg(value_enum, default_value = "both")]
    role: Role,
    /// Shows made-up projects, without GitLab and without sign-in, on this machine alone
    #[arg(long)]
    demo: bool,
    /// How many made-up projects
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u64).range(1..=2_000), requires = "demo")]
    projects: u64,
    /// Asks a dashboard on this machine, at PORT, whether it is alive, and ends: for health checks of containers
    #[arg(long, exclusive = true)]
    health: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.health {
        return start::health();
    }
    match start::settings(&arguments) {
        Ok(settings) => start::run(&arguments, settings),
        Err(wrong) => {
            for line in wrong {
                eprintln!("error: {line}");
            }
            eprintln!("`dashboard --help` has all names; `dashboard --demo` needs none.");
            ExitCode::from(2)
        }
    }
}
