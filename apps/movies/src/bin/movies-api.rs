//! The API of the movie demo.

use std::process::ExitCode;

use clap::Parser;
use movies::api;
use movies::serve::{Failure, Identity, Settings, begin, ended, health, serve};
use movies::table::Table;

/// The films of a DynamoDB table as JSON.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 130)]
struct Arguments {
    #[command(flatten)]
    settings: Settings,
    /// The table with the films
    #[arg(long, env = "TABLE", default_value = "Movies")]
    table: String,
    /// Asks the server on this machine whether it is alive, and ends: for health checks of containers
    #[arg(long)]
    health: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    ended(run(Arguments::parse()).await)
}

async fn run(arguments: Arguments) -> Result<(), Failure> {
    begin()?;
    if arguments.health {
        return health(&arguments.settings).await;
    }
    let identity = Identity::of("api", &arguments.settings).await;
    let table = Table::of_environment(&arguments.table).await;
    serve(api::routes(table, identity.clone()), identity, &arguments.settings, api::problem).await
}
