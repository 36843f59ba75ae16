//! One flip while clients keep requesting both ports, and its figures.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::time::sleep;

use super::figures::{Flip, LIVE, TEST, milliseconds, thousands};
use super::screen::Screen;
use crate::load::{Aim, Load};
use crate::pipeline::{Action, Execution, Invoked, LOAD_BALANCER, Pipeline};

/// Requests that are answered before the approval goes out.
const BEFORE: usize = 500;
/// Requests that are answered in all, so that flip and roll-back see five thousand and more.
const IN_ALL: usize = 3_000;
/// How long the clients may take for them.
const PATIENCE: Duration = Duration::from_secs(120);

/// A flip that was made.
pub(super) struct Flipped {
    pub invoked: Invoked,
    /// Requests that were answered.
    pub served: usize,
    /// Requests that were not.
    pub failed: usize,
    /// What clients got that they should not have: each a sentence.
    pub lost: Vec<String>,
}

/// Runs an action that flips, under load, and shows the figures. Where the Lambda dies, its event is delivered again after
/// `wait`.
///
/// # Errors
/// The pipeline's; a job that failed, with its message.
pub(super) async fn flip(
    screen: &Screen,
    pipeline: &Pipeline,
    execution: &mut Execution,
    action: &Action,
    mut wait: impl AsyncFnMut(),
) -> Result<Flipped> {
    let (old, new) = (version(pipeline, 80).await?, version(pipeline, 8080).await?);
    let clients = clients(pipeline)?;
    let mut working = Some(screen.working("clients request both ports, and the Lambda flips"));
    let load = Load::start(&clients);
    answered(&load, BEFORE).await?;
    pipeline.approve(execution, "you");
    let approved = Instant::now();
    let wait = async || {
        working = None;
        wait().await;
    };
    let invoked = pipeline.invoke_again_after(execution, action, wait).await?;
    let over = Instant::now();
    answered(&load, IN_ALL.max(load.asked() + BEFORE)).await?;
    let report = load.stop().await?;
    drop(working);
    invoked.variables()?;

    screen.tell(
        action.namespace,
        &format!("While {} clients kept requesting both ports, CodePipeline gave the Lambda a job.", clients.len()),
    );
    let flip = Flip { report: &report, old: &old, new: &new, approved, over };
    let flipped = Flipped { served: report.served(), failed: report.failed(), lost: flip.lost(), invoked };
    let until_live = flip.until_live().map_or("never".to_owned(), milliseconds);
    screen.figures(&[
        ("requests served", thousands(flipped.served).to_string()),
        ("requests failed", thousands(flipped.failed).to_string()),
        (&format!("approval until production answers {new}"), until_live),
        ("both ports served the same version for", milliseconds(flip.same_version())),
        ("the Lambda worked for", lambda(&flipped.invoked)),
        ("AWS calls it made", thousands(flipped.invoked.calls.len()).to_string()),
    ]);
    Ok(flipped)
}

/// Clients of both ports: on the live one half of them by the default action, half of them by the rule.
fn clients(pipeline: &Pipeline) -> Result<Vec<Aim>> {
    let mut aims = Vec::new();
    for (name, port, path) in [(LIVE, 80, "/"), (LIVE, 80, "/api/version"), (TEST, 8080, "/")] {
        let aim = aim(pipeline, name, port, path)?;
        // Pauses without a common divisor: clients in step would see time in steps.
        let pauses = [3, 4, 5, 7].map(Duration::from_millis);
        aims.extend(pauses.map(|pause| Aim { clients: 1, pause, ..aim.clone() }));
    }
    Ok(aims)
}

/// How long the function worked, and whether it had to be started.
pub(super) fn lambda(invoked: &Invoked) -> String {
    let worked = match invoked.deliveries.len() {
        1 => milliseconds(invoked.worked()),
        deliveries => format!("{} in {deliveries} deliveries", milliseconds(invoked.worked())),
    };
    match invoked.cold_start() {
        Some(start) => format!("{worked}, after a cold start of {}", milliseconds(start)),
        None => format!("{worked}, warm"),
    }
}

/// The version that a port answers with.
pub(super) async fn version(pipeline: &Pipeline, port: u16) -> Result<String> {
    let load = Load::start(&[Aim { clients: 1, ..aim(pipeline, LIVE, port, "/version")? }]);
    answered(&load, 1).await?;
    let report = load.stop().await?;
    let answer = report.samples(LIVE).first().and_then(|sample| sample.version.as_deref());
    Ok(answer.with_context(|| format!("port {port} does not answer with a version"))?.to_owned())
}

fn aim(pipeline: &Pipeline, name: &str, port: u16, path: &str) -> Result<Aim> {
    let address =
        pipeline.world.load_balancer.address(LOAD_BALANCER, port).with_context(|| format!("no listener on port {port}"))?;
    Ok(Aim { path: path.to_owned(), ..Aim::at(name, address) })
}

async fn answered(load: &Load, enough: usize) -> Result<()> {
    let begun = Instant::now();
    while load.asked() < enough {
        ensure!(
            begun.elapsed() < PATIENCE,
            "the clients made only {} requests in {PATIENCE:?}, expected {}",
            thousands(load.asked()),
            thousands(enough)
        );
        sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}
