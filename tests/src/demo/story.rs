//! The story: a first build, a second one, an approval, and a roll-back.

use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::figures::thousands;
use super::flip::{self, Flipped};
use super::people::{Answer, People};
use super::screen::Screen;
use crate::pipeline::{CHECK_BUILD, Execution, FLIP_BUILD, Invoked, LOAD_BALANCER, Pipeline, ROLL_BACK};

/// The image tags of the two builds.
const FIRST: &str = "1.0";
/// See [`FIRST`].
const SECOND: &str = "1.1";
/// The deployer waits 20 s for flips under way, unless told otherwise; nobody else flips here.
const SETTLE: Duration = Duration::from_secs(2);

/// Plays the story. Returns what clients got that they should not have.
///
/// # Errors
/// The pipeline's.
pub(super) async fn play(screen: &Screen, people: &mut People, pipeline: &mut Pipeline) -> Result<Vec<String>> {
    first_build(screen, pipeline).await?;
    let mut execution = second_build(screen, pipeline).await?;

    screen.heading("3  The approval");
    let checked = {
        let _working = screen.working("the Lambda checks what a flip would do");
        pipeline.invoke(&mut execution, &CHECK_BUILD).await?
    };
    show_check(screen, pipeline, &checked)?;
    if !approved(screen, people, &format!("Make {SECOND} production? [Enter approves, n rejects]")).await? {
        screen.tell("Approve", "Rejected: the pipeline stops here. Nothing has changed.");
        return Ok(Vec::new());
    }
    let flipped = flip::flip(screen, pipeline, &mut execution, &FLIP_BUILD).await?;
    tell_result(screen, "Flip", &flipped)?;

    screen.heading("4  The roll-back");
    screen.tell(
        "Approve",
        &format!("{FIRST} still runs, now on the test port. A second approval, today or next week, takes it back."),
    );
    if !approved(screen, people, &format!("Make {FIRST} production again? [Enter approves, n rejects]")).await? {
        screen.tell("Approve", &format!("Rejected: {SECOND} stays in production."));
        return Ok(flipped.lost);
    }
    let back = flip::flip(screen, pipeline, &mut execution, &ROLL_BACK).await?;
    tell_result(screen, "Rollback", &back)?;
    let (served, failed) = (flipped.served + back.served, flipped.failed + back.failed);
    screen.heading(&format!("{} requests over flip and roll-back, {} failed", thousands(served), thousands(failed)));
    Ok([flipped.lost, back.lost].concat())
}

async fn first_build(screen: &Screen, pipeline: &mut Pipeline) -> Result<()> {
    screen.heading(&format!("1  The first build, {FIRST}"));
    let mut execution = Execution::begin();
    let built = {
        let _working = screen.working("the deployer looks for the load balancer");
        pipeline.build(&mut execution, FIRST, SETTLE).await?
    };
    screen.tell("Build", "The deployer finds no load balancer yet: a first deployment, and both sides get the image.");
    screen.quote(&built.told);
    screen.tell("", &format!("build.json: {}", built.file.trim()));
    {
        let _working = screen.working("the stack makes a load balancer and two services, two tasks each");
        pipeline.deploy(&built.images).await?;
    }
    screen
        .tell("Deploy", &format!("The stack has made the load balancer {LOAD_BALANCER} and two ECS services of two tasks each."));
    for (port, what) in [(80, "production"), (8080, "rehearsal")] {
        screen.tell("", &format!("{} is its port {port}, {what}.", url(pipeline, port)?));
    }
    Ok(())
}

async fn second_build(screen: &Screen, pipeline: &mut Pipeline) -> Result<Execution> {
    screen.heading(&format!("2  The second build, {SECOND}"));
    let mut execution = Execution::begin();
    let built = {
        let _working = screen.working("the deployer finds out which side is live, and fences the other one");
        pipeline.build(&mut execution, SECOND, SETTLE).await?
    };
    screen.tell(
        "Build",
        &format!(
            "The deployer gives {SECOND} to the side on the test port; the live side keeps what it has. \
             (It waits {} s for flips under way; outside this demo 20.)",
            SETTLE.as_secs()
        ),
    );
    screen.quote(&built.told);
    screen.tell("", &format!("build.json: {}", built.file.trim()));
    let rolled = {
        let _working = screen.working("ECS rolls out the test side");
        pipeline.deploy(&built.images).await?
    };
    let services: Vec<_> = rolled.iter().map(|side| side.service()).collect();
    screen.tell(
        "Deploy",
        &format!(
            "Only {} changes, so production is not touched. See {SECOND} on {}",
            services.join(" and "),
            url(pipeline, 8080)?
        ),
    );
    Ok(execution)
}

/// Shows what a check found: what is where now, and where it would be.
///
/// # Errors
/// The check's refusal.
pub(super) fn show_check(screen: &Screen, pipeline: &Pipeline, checked: &Invoked) -> Result<()> {
    let found = checked.variables()?;
    let of = |name: &str| found.get(name).map_or("?", String::as_str);
    let healthy = |side: &str| {
        let (healthy, all) = pipeline.stack().map_or((0, 0), |stack| stack.healthy(&pipeline.world, side));
        format!("{side}: {healthy} of {all}")
    };
    let shown = |side: &str, image: &str| format!("{} ({})", of(image), of(side));
    let (live, test) = (shown("Live", "LiveImage"), shown("Test", "TestImage"));
    screen.tell("Check", "The Lambda has read the load balancer and ECS, and says what a flip would do.");
    screen.grid(
        ["port", "now", "after the flip", "healthy now"],
        &[
            ["80 production".to_owned(), live.clone(), test.clone(), healthy(of("Live"))],
            ["8080 rehearsal".to_owned(), test, live, healthy(of("Test"))],
        ],
    );
    screen.tell("", of("Summary"));
    Ok(())
}

/// Tells a flip's summary, and what was lost.
///
/// # Errors
/// The job's failure.
pub(super) fn tell_result(screen: &Screen, who: &str, flipped: &Flipped) -> Result<()> {
    let summary = flipped.invoked.variables()?.get("Summary").context("the job exported no Summary")?;
    screen.tell(who, summary);
    for lost in &flipped.lost {
        screen.tell("Lost", lost);
    }
    Ok(())
}

/// Where a listener's port is served.
///
/// # Errors
/// Where there is no such listener.
pub(super) fn url(pipeline: &Pipeline, port: u16) -> Result<String> {
    let address =
        pipeline.world.load_balancer.address(LOAD_BALANCER, port).with_context(|| format!("no listener on port {port}"))?;
    Ok(if address.port() == 80 { format!("http://{}/", address.ip()) } else { format!("http://{address}/") })
}

async fn approved(screen: &Screen, people: &mut People, question: &str) -> Result<bool> {
    screen.ask(question);
    let answer = people.answer().await;
    if people.say_yes() {
        println!("yes");
    }
    println!();
    match answer {
        Answer::Approved => Ok(true),
        Answer::Rejected => Ok(false),
        Answer::Nobody => bail!("nobody is there to answer: standard input has ended. Pass --yes to approve everything"),
    }
}
