//! After the story: everything stays up, for a person to look, approve again, and break it.

use std::time::Duration;

use anyhow::Result;

use super::Options;
use super::flip;
use super::people::People;
use super::screen::Screen;
use super::story::{show_check, tell_result, url};
use crate::gateway::{At, Fault, FaultKind};
use crate::lambda::Outcome;
use crate::pipeline::{CHECK, CLUSTER, Execution, FLIP_CHECKED, LOAD_BALANCER, Pipeline};

/// Lambda waits a minute before it delivers an event again; nobody wants to here.
const REDELIVERY: Duration = Duration::from_secs(3);

/// Follows what is typed until somebody quits. Returns what clients got that they should not have.
///
/// # Errors
/// Where the function or the deployer cannot be started.
pub(super) async fn stay(screen: &Screen, people: &mut People, options: Options, pipeline: &Pipeline) -> Result<Vec<String>> {
    people.sit_down();
    let mut lost = Vec::new();
    pipeline.lambda.set_retry_delay(REDELIVERY);
    screen.heading("It stays up");
    screen.tell("", "Open both in a browser, side by side: the pages follow each flip.");
    for (port, what) in [(80, "production"), (8080, "rehearsal")] {
        screen.tell(what, &format!("{} answers {}", url(pipeline, port)?, flip::version(pipeline, port).await?));
    }
    loop {
        screen.ask("Enter: approve the next flip   k: and kill the Lambda in the middle   s: status   q: quit >");
        let line = people.line().await;
        println!();
        match line.as_deref().map(str::trim) {
            Some("") => lost.extend(approve(screen, pipeline, false).await?),
            Some("k") => lost.extend(approve(screen, pipeline, true).await?),
            Some("s") => status(screen, pipeline).await?,
            Some("q") => return Ok(lost),
            Some(other) => screen.tell("", &format!("{other:?} is none of these.")),
            // Started by a script with --stay: it ends with a signal.
            None if options.stay => std::future::pending().await,
            None => return Ok(lost),
        }
    }
}

/// An execution that builds nothing: what the check finds on the test side becomes live.
async fn approve(screen: &Screen, pipeline: &Pipeline, kill: bool) -> Result<Vec<String>> {
    let mut execution = Execution::begin();
    let checked = pipeline.invoke(&mut execution, &CHECK).await?;
    show_check(screen, pipeline, &checked)?;
    if kill {
        let first_write = At::Action("ModifyListener".to_owned(), 1);
        pipeline.world.gateway.inject(Fault::once(first_write, FaultKind::KillAfter));
    }
    let flipped = flip::flip(screen, pipeline, &mut execution, &FLIP_CHECKED).await?;
    pipeline.world.gateway.clear_faults();
    if kill {
        let killed = flipped.invoked.deliveries.iter().filter(|delivery| delivery.outcome == Outcome::Crashed).count();
        screen.tell(
            "Lambda",
            &format!(
                "The process was killed {killed} time right after its first write took effect, before it had the answer. \
                 Lambda delivered the same event again (here after {} s, on AWS after a minute), and that run says:",
                REDELIVERY.as_secs()
            ),
        );
    }
    tell_result(screen, "Flip", &flipped)?;
    Ok(flipped.lost)
}

async fn status(screen: &Screen, pipeline: &Pipeline) -> Result<()> {
    let output = pipeline
        .world
        .deployer(|deployer| {
            deployer.args(["status", "--elb", LOAD_BALANCER, "--cluster", CLUSTER]);
        })
        .await?;
    screen.tell("$", &format!("deployer status --elb {LOAD_BALANCER}"));
    print!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Ok(())
}
