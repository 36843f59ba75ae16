//! After the story: everything stays up, for a person to look, approve again, and break it.

use std::time::Duration;

use anyhow::Result;

use super::flip;
use super::people::People;
use super::screen::Screen;
use super::story::{show_check, show_ports, tell_result};
use crate::gateway::{At, Fault, FaultKind};
use crate::lambda::{Invocation, Outcome};
use crate::pipeline::{CHECK, CHECK_BUILD, CLUSTER, Execution, FLIP_BUILD, FLIP_CHECKED, LOAD_BALANCER, Pipeline};

/// Lambda waits a minute before it delivers an event again; nobody wants to here.
const REDELIVERY: Duration = Duration::from_secs(3);

/// What can be typed, and what it does.
const KEYS: [(&str, &str); 4] = [
    ("Enter", "approves the next flip: whatever is on the test port becomes production"),
    ("k", "approves it too, and kills the Lambda in the middle of it"),
    ("s", "shows the status, as `deployer status` does"),
    ("q", "ends the demo, as Ctrl-C does; nothing is left behind"),
];

/// What happens where standard input has ended, so that nobody can type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nobody {
    /// The demo ends.
    Ends,
    /// It stays up until a signal ends it.
    Waits,
}

/// Follows what is typed until somebody quits. Returns what clients got that they should not have.
///
/// # Errors
/// Where the ports are not served, or the deployer cannot be started.
pub(super) async fn stay(
    screen: &Screen,
    people: &mut People,
    pipeline: &Pipeline,
    mut rejected: Option<Execution>,
    nobody: Nobody,
) -> Result<Vec<String>> {
    people.sit_down();
    pipeline.lambda.set_retry_delay(REDELIVERY);
    let mut lost = Vec::new();
    screen.heading("It stays up");
    screen.tell("", "Open both in a browser, side by side: the pages follow each flip.");
    show_ports(screen, pipeline).await?;
    for (key, what) in KEYS {
        screen.tell(key, what);
    }
    loop {
        screen.ask("Enter, k, s or q?");
        let line = people.line().await;
        println!();
        match line.as_deref().map(str::trim) {
            Some(key @ ("" | "k")) => match approve(screen, pipeline, &mut rejected, key == "k").await {
                Ok(more) => lost.extend(more),
                Err(error) => screen.tell("Failed", &format!("{error:#}")),
            },
            Some("s") => status(screen, pipeline).await?,
            Some("q") => return Ok(lost),
            Some(other) => screen.tell("", &format!("{other:?} is none of these.")),
            None if nobody == Nobody::Waits => std::future::pending().await,
            None => return Ok(lost),
        }
    }
}

/// Approves a flip: that of an execution that was rejected before, else one of an execution that builds nothing and
/// promotes what its check finds on the test side.
async fn approve(screen: &Screen, pipeline: &Pipeline, rejected: &mut Option<Execution>, kill: bool) -> Result<Vec<String>> {
    let (mut execution, check, flip) = match rejected.take() {
        Some(execution) => (execution, CHECK_BUILD, FLIP_BUILD),
        None => (Execution::begin(), CHECK, FLIP_CHECKED),
    };
    let checked = pipeline.invoke(&mut execution, &check).await?;
    show_check(screen, pipeline, &checked)?;
    if kill {
        let first_write = At::Action("ModifyListener".to_owned(), 1);
        pipeline.world.gateway.inject(Fault::once(first_write, FaultKind::KillAfter));
    }
    let flipped = flip::flip(screen, pipeline, &mut execution, &flip).await;
    pipeline.world.gateway.clear_faults();
    let flipped = flipped?;
    if kill {
        tell_kill(screen, &flipped.invoked.deliveries);
    }
    tell_result(screen, &flipped)?;
    Ok(flipped.lost)
}

fn tell_kill(screen: &Screen, deliveries: &[Invocation]) {
    let crashed = deliveries.iter().filter(|delivery| delivery.outcome == Outcome::Crashed).count();
    if crashed == 0 {
        screen.tell("Lambda", "There was no write to kill it at: nothing had to be changed.");
        return;
    }
    let delay = REDELIVERY.as_secs();
    screen.tell(
        "Lambda",
        &format!(
            "The process was killed as soon as production had begun to move: the write had taken effect, its answer never \
             came. Lambda delivered the same event again (here after {delay} s, on AWS after a minute), and the next run found \
             what was missing:"
        ),
    );
}

async fn status(screen: &Screen, pipeline: &Pipeline) -> Result<()> {
    let output = pipeline
        .world
        .deployer(|deployer| {
            deployer.args(["status", "--elb", LOAD_BALANCER, "--cluster", CLUSTER]);
        })
        .await?;
    screen.tell("Status", &format!("deployer status --elb {LOAD_BALANCER} --cluster {CLUSTER}"));
    print!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Ok(())
}
