//! `local-aws`: the local AWS at the command line.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use local_aws::demo::{self, Ended};
use local_aws::{ministack, soak};

/// The exit code of a process that Ctrl-C ended, as shells have it.
const INTERRUPTED: u8 = 130;
/// The exit code of a process whose output nobody reads any more (SIGPIPE), as shells have it.
const UNHEARD: u8 = 141;

const DEMO_HELP: &str = "\
The demo plays a release on this machine, without an AWS account: a first build, a second build that goes to the test \
port, an approval that makes it production while clients keep requesting both ports, and a second approval that takes it \
back. The Lambda and the deployer are the real ones; AWS around them is played on loopback.

Without options it asks for each approval, and stays up afterwards: watch both ports in a browser, approve again, point the \
deployer at it, or kill the Lambda in the middle of a flip. Ctrl-C or SIGTERM ends it at any time and leaves nothing \
behind.

Exit codes:
  0    no request was lost, and every answer came from the version it should
  1    requests were lost, or something failed: the last lines say what
  2    the command line is wrong
  130  Ctrl-C or SIGTERM
  141  nobody reads what it tells any more, as after | head";

#[derive(Debug, Parser)]
#[command(name = "local-aws", version, about = "Plays AWS on this machine, for the demo")]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Play a release, from its build to production and back
    #[command(after_help = DEMO_HELP)]
    Demo(demo::Options),
    /// Flip many times in a row under load, and show the figures; exit code 1 where something was lost
    Soak(soak::Options),
    /// Set up the AWS API that everything else runs on, below target/; where this is not done, whoever needs it first does it
    Install,
}

#[tokio::main]
async fn main() -> ExitCode {
    let ended = match Cli::parse().verb {
        Verb::Install => ministack::install(|what| println!("{what}")).map(|_| Ended::Well),
        Verb::Demo(options) => demo::run(options).await,
        Verb::Soak(options) => soak::run(options).await.map(|soaked| {
            let wrong: Vec<String> = soaked.lost.into_iter().chain(soaked.grown).collect();
            if wrong.is_empty() { Ended::Well } else { Ended::Lost(wrong) }
        }),
    };
    match ended {
        Ok(Ended::Well) => ExitCode::SUCCESS,
        Ok(Ended::Lost(lost)) => {
            eprintln!("error: not everything was as it should be:");
            lost.iter().for_each(|sentence| eprintln!("  {sentence}"));
            ExitCode::FAILURE
        }
        Ok(Ended::Interrupted) => {
            eprintln!("\ninterrupted: everything was stopped");
            ExitCode::from(INTERRUPTED)
        }
        Ok(Ended::Unheard) => ExitCode::from(UNHEARD),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
