//! The demo: a release from its build to production and back, told while it happens on this machine.
//!
//! It runs the real function and the real deployer; everything of AWS around them is this crate's.

mod bundle;
mod figures;
mod flip;
mod killed;
mod people;
mod roll;
mod rolling;
mod screen;
mod stay;
mod story;

use anyhow::Result;
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use crate::load_balancer::PortPolicy;
use crate::pipeline::Pipeline;
use people::People;
use screen::Screen;
use stay::Nobody;

/// How the demo is played.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct Options {
    /// Approve everything, and end after the roll-back
    #[arg(long)]
    pub yes: bool,
    /// With --yes: stay up after the roll-back, as without it
    #[arg(long, requires = "yes")]
    pub stay: bool,
    /// Play rolling updates instead: a roll, a bad image that is undone, a one-off task, four services as one release
    #[arg(long, conflicts_with_all = ["yes", "stay"])]
    pub roll: bool,
}

/// How the demo ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// No request was lost, and every answer came from the version it should.
    Well,
    /// Something went wrong with the traffic: each a sentence.
    Lost(Vec<String>),
    /// Ctrl-C, or a signal to end.
    Interrupted,
    /// Nobody reads what it tells any more, as after `| head`.
    Unheard,
}

/// Plays the demo. When it returns, nothing that it started runs any more.
///
/// # Errors
/// Where something cannot be started, and where an action of the pipeline fails.
pub async fn run(options: Options) -> Result<Ended> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let screen = Screen::new();
    tokio::select! {
        // Ctrl-C reaches the processes of the demo too: that they end must not look like a failure.
        biased;
        _ = interrupt.recv() => Ok(Ended::Interrupted),
        _ = terminate.recv() => Ok(Ended::Interrupted),
        _ = hang_up.recv() => Ok(Ended::Interrupted),
        () = screen.unheard() => Ok(Ended::Unheard),
        played = play(&screen, options) => played,
    }
}

async fn play(screen: &Screen, options: Options) -> Result<Ended> {
    if options.roll {
        return roll::play(screen).await;
    }
    let mut people = People::new(options.yes);
    let working = screen.working("starting the local AWS");
    let progress = working.teller();
    let mut pipeline = Pipeline::start(PortPolicy::SameIfPossible, progress).await?;
    drop(working);
    let story::Told { mut lost, rejected } = story::play(screen, &mut people, &mut pipeline).await?;
    if !options.yes || options.stay {
        let nobody = if options.stay { Nobody::Waits } else { Nobody::Ends };
        lost.extend(stay::stay(screen, &mut people, &pipeline, rejected, nobody).await?);
    }
    Ok(if lost.is_empty() { Ended::Well } else { Ended::Lost(lost) })
}
