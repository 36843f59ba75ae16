//! `deployer history`: who released what when, how long it was live, who took it back.

use blue_green::aws::history::Places;
use blue_green::history::{Outcome, Release, span};
use comfy_table::{Cell, Color};
use jiff::Timestamp;

use crate::args::HistoryArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::session::Session;

/// Reads the releases and shows them.
///
/// # Errors
/// A [`Failure`] where they cannot be read.
pub async fn run(args: &HistoryArgs) -> Result<Exit, Failure> {
    let session = Session::open(args.timeout).await?;
    let places = Places {
        pipelines: args.pipelines.clone(),
        load_balancers: args.elbs.clone(),
        services: args.services.clone(),
        ports: args.ports.0.clone(),
    };
    let mut releases = session.history().read(&places, args.timeout).await?;
    releases.truncate(args.limit);
    if args.json {
        output::json(&releases)?;
    } else if releases.is_empty() {
        output::print(
            &"AWS knows of no release there: CodePipeline keeps 12 months, ECS 90 days, a target group its last flips\n",
        )?;
    } else {
        output::print(&format_args!("{}\n", table(&releases, Timestamp::now())))?;
    }
    Ok(Exit::Done)
}

fn table(releases: &[Release], now: Timestamp) -> comfy_table::Table {
    let mut table = output::table(&["when (UTC)", "what", "version", "by", "live for", "afterwards", "how"]);
    let none = || "-".to_owned();
    for release in releases {
        let how = match release.way {
            blue_green::history::Way::Flip => format!("flip to {}", release.place),
            blue_green::history::Way::Roll => format!("roll to {}", release.place),
        };
        let afterwards = Cell::new(release.afterwards());
        let afterwards = match release.outcome {
            Outcome::Live => afterwards.fg(Color::Green),
            Outcome::Failed => afterwards.fg(Color::Red),
            Outcome::TakenBack | Outcome::UnderWay => afterwards.fg(Color::Yellow),
            Outcome::Replaced => afterwards,
        };
        table.add_row([
            Cell::new(release.at.strftime("%Y-%m-%d %H:%M")),
            Cell::new(&release.what),
            Cell::new(release.version.clone().unwrap_or_else(none)),
            Cell::new(release.by.clone().unwrap_or_else(none)),
            Cell::new(release.live_for(now).map_or_else(none, span)),
            afterwards,
            Cell::new(how),
        ]);
    }
    table
}
