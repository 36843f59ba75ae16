//! After the story: everything stays up, for a person to look, approve again, and break it.

use std::time::Instant;

use anyhow::Result;

use super::people::People;
use super::screen::Screen;
use super::story::{approved, check, show_ports, tell_result};
use super::{flip, killed};
use crate::pipeline::{CHECK, CHECK_BUILD, CLUSTER, Execution, FLIP_BUILD, FLIP_CHECKED, LOAD_BALANCER, PIPELINE, Pipeline};
use crate::world::{DEPLOYER_POLICY, DEPLOYER_ROLE, HISTORY_POLICY, REGION};

/// What can be typed, and what it does.
const KEYS: [(&str, &str); 5] = [
    ("Enter", "shows what a flip would do, and asks: what is on the test port would become production"),
    ("k", "does so too, and kills the Lambda in the middle of the flip, so that one can look"),
    ("s", "shows the status, as `deployer status` does"),
    ("h", "shows who released what when, as `deployer history` does"),
    ("q", "ends the demo, as Ctrl-C and SIGTERM do; nothing is left behind"),
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
    let mut lost = Vec::new();
    screen.heading("It stays up");
    screen.tell("", "Open both in a browser, side by side: the pages follow each flip.");
    show_ports(screen, pipeline).await?;
    show_account(screen, pipeline);
    for (key, what) in KEYS {
        screen.tell(key, what);
    }
    loop {
        screen.ask("Enter, k, s, h or q?");
        let line = people.line().await;
        screen.print("\n");
        match line.as_deref().map(str::trim) {
            Some(key @ ("" | "k")) => match release(screen, people, pipeline, &mut rejected, key == "k").await {
                Ok(more) => lost.extend(more),
                Err(error) => screen.tell("Failed", &format!("{error:#}")),
            },
            Some("s") => status(screen, pipeline).await?,
            Some("h") => history(screen, pipeline).await?,
            Some("q") => return Ok(lost),
            Some(other) => screen.tell("", &format!("{other:?} is none of these.")),
            None if nobody == Nobody::Waits => std::future::pending().await,
            None => return Ok(lost),
        }
    }
}

/// How a program reaches this account instead of AWS.
fn show_account(screen: &Screen, pipeline: &Pipeline) {
    screen.tell("", "From another terminal, in the repository, the deployer finds this load balancer with:");
    screen.quote(&[
        format!("export AWS_ENDPOINT_URL={}", pipeline.world.endpoint()),
        format!("export AWS_REGION={REGION}"),
        format!("export AWS_ACCESS_KEY_ID={}", pipeline.world.account()),
        "export AWS_SECRET_ACCESS_KEY=local".to_owned(),
        format!("target/release/deployer status --elb {LOAD_BALANCER}"),
        format!("target/release/deployer history --elb {LOAD_BALANCER} --pipeline {PIPELINE}"),
    ]);
}

/// Checks, asks and flips: in the execution that was rejected before, else in one that builds nothing and promotes what its
/// check finds on the test side.
async fn release(
    screen: &Screen,
    people: &mut People,
    pipeline: &Pipeline,
    rejected: &mut Option<Execution>,
    kill: bool,
) -> Result<Vec<String>> {
    let retried = rejected.take();
    let (mut execution, checks, flips) = match retried.clone() {
        Some(execution) => {
            screen.tell("Pipeline", "Retry of the stage that was rejected: the same execution checks again, and asks again.");
            (execution, CHECK_BUILD, FLIP_BUILD)
        }
        None => {
            screen.tell("Pipeline", "A new execution, which builds nothing: it promotes what is on the test port.");
            (Execution::begin(), CHECK, FLIP_CHECKED)
        }
    };
    let checked = check(screen, pipeline, &mut execution, &checks).await?;
    let image = checked.variables()?.get("TestImage").map_or("?", String::as_str);
    let question = if kill { ", and kill the Lambda in the middle of it" } else { "" };
    if !approved(screen, people, &format!("Make {image} production{question}?")).await? {
        screen.tell("Approve", "Rejected: this execution of the pipeline ends as failed. Nothing has changed.");
        *rejected = retried;
        return Ok(Vec::new());
    }
    if kill {
        killed::kill_at_first_write(pipeline);
    }
    let mut killed_at = None;
    let look = async || {
        if kill {
            killed_at = Some(Instant::now());
            killed::look(screen, people, pipeline).await;
        }
    };
    let flipped = flip::flip(screen, pipeline, &mut execution, &flips, look).await;
    pipeline.world.gateway.clear_faults();
    let flipped = flipped?;
    if kill {
        killed::tell_rest(screen, &flipped.invoked, killed_at);
    }
    tell_result(screen, &flipped)?;
    Ok(flipped.lost)
}

/// Shows what `deployer status` says.
///
/// # Errors
/// Where the deployer cannot be started.
pub(super) async fn status(screen: &Screen, pipeline: &Pipeline) -> Result<()> {
    shown(screen, pipeline, "Status", &["status", "--elb", LOAD_BALANCER, "--cluster", CLUSTER]).await
}

/// Shows what `deployer history` says, with the read-only policy that it needs.
async fn history(screen: &Screen, pipeline: &Pipeline) -> Result<()> {
    pipeline.world.set_policies(DEPLOYER_ROLE, &[DEPLOYER_POLICY, HISTORY_POLICY])?;
    shown(screen, pipeline, "History", &["history", "--elb", LOAD_BALANCER, "--pipeline", PIPELINE]).await
}

async fn shown(screen: &Screen, pipeline: &Pipeline, who: &str, arguments: &[&str]) -> Result<()> {
    let output = pipeline
        .world
        .deployer(|deployer| {
            deployer.args(arguments);
        })
        .await?;
    screen.tell(who, &format!("deployer {}", arguments.join(" ")));
    screen.print(&String::from_utf8_lossy(&output.stdout));
    screen.print(&String::from_utf8_lossy(&output.stderr));
    Ok(())
}
