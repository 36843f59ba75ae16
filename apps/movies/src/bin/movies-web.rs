//! The pages of the movie demo.

use std::process::ExitCode;

use clap::Parser;
use movies::serve::{Failure, Identity, Settings, begin, ended, health, serve};
use movies::upstream::Upstream;
use movies::web::{self, App, Colour};
use url::Url;

/// The films as pages; it asks the API of its own colour for them.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 130)]
struct Arguments {
    #[command(flatten)]
    settings: Settings,
    /// The address of the API
    #[arg(long, env = "API_URL", default_value = "http://127.0.0.1:5000")]
    api: Url,
    /// The colour of the pages
    #[arg(long, env = "COLOUR", value_enum, default_value = "blue")]
    colour: Colour,
    /// Offers a filter by genre
    #[arg(long, env = "GENRE_FILTER")]
    genre_filter: bool,
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
    let identity = Identity::of("web", &arguments.settings).await;
    let app = App {
        identity: identity.clone(),
        api: Upstream::new(arguments.api)?,
        colour: arguments.colour,
        genre_filter: arguments.genre_filter,
    };
    serve(web::routes(app), identity, &arguments.settings, web::problem).await
}
