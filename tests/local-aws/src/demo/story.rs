//! The story: a first build, a second one, an approval, and a roll-back.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::figures::thousands;
use super::flip::{self, Flipped};
use super::people::{Answer, People};
use super::screen::Screen;
use crate::pipeline::{Action, CHECK_BUILD, CHECK_ROLL_BACK, Execution, FLIP_BUILD, Invoked, LOAD_BALANCER, Pipeline, ROLL_BACK};

/// The image tags of the two builds.
const FIRST: &str = "1.0";
/// See [`FIRST`].
const SECOND: &str = "1.1";
/// The deployer waits 20 s for flips under way, unless told otherwise; nobody else flips here.
const SETTLE: Duration = Duration::from_secs(2);

/// How the story ended.
#[derive(Default)]
pub(super) struct Told {
    /// What clients got that they should not have: each a sentence.
    pub lost: Vec<String>,
    /// The execution of the second build, where its approval was rejected: the stage can be retried.
    pub rejected: Option<Execution>,
}

/// Plays the story.
///
/// # Errors
/// The pipeline's.
pub(super) async fn play(screen: &Screen, people: &mut People, pipeline: &mut Pipeline) -> Result<Told> {
    first_build(screen, pipeline).await?;
    let mut execution = second_build(screen, pipeline).await?;

    screen.heading("3  The approval");
    check(screen, pipeline, &mut execution, &CHECK_BUILD).await?;
    if !approved(screen, people, &format!("Make {SECOND} production?")).await? {
        screen.tell("Approve", "Rejected: this execution of the pipeline ends as failed. Nothing has changed.");
        return Ok(Told { rejected: Some(execution), ..Told::default() });
    }
    let flipped = flip::flip(screen, pipeline, &mut execution, &FLIP_BUILD, async || {}).await?;
    screen.tell(
        "",
        "Production moves first: until the rehearsal port follows, both serve the same version, so that no request is lost. The \
         Lambda works on after production answers: it moves the rehearsal port, reads everything once more, and answers the job.",
    );
    tell_result(screen, &flipped)?;

    screen.heading("4  The roll-back");
    screen.tell(
        "Approve",
        &format!("{FIRST} still runs, now on the test port. A second approval, today or next week, takes it back."),
    );
    check(screen, pipeline, &mut execution, &CHECK_ROLL_BACK).await?;
    if !approved(screen, people, &format!("Make {FIRST} production again?")).await? {
        screen.tell("Approve", &format!("Rejected: this execution of the pipeline ends here. {SECOND} stays in production."));
        return Ok(Told { lost: flipped.lost, rejected: None });
    }
    let back = flip::flip(screen, pipeline, &mut execution, &ROLL_BACK, async || {}).await?;
    tell_result(screen, &back)?;
    let (served, failed) = (flipped.served + back.served, flipped.failed + back.failed);
    screen.heading(&format!("{} requests over flip and roll-back, {} failed", thousands(served), thousands(failed)));
    Ok(Told { lost: [flipped.lost, back.lost].concat(), rejected: None })
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
    {
        // As in every execution of the release pipeline: the check writes down which image each group runs.
        let _working = screen.working("the Lambda checks the load balancer");
        pipeline.invoke(&mut execution, &CHECK_BUILD).await?.variables()?;
    }
    screen
        .tell("Deploy", &format!("The stack has made the load balancer {LOAD_BALANCER} and two ECS services of two tasks each."));
    show_ports(screen, pipeline).await?;
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
            "The deployer gives {SECOND} to the side on the test port; the live side keeps what it has. It fences the test \
             side first, so that no other execution promotes it while it is rebuilt, and waits for flips under way: {} s \
             here, 20 s otherwise.",
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
    let services = services.join(" and ");
    screen.tell("Deploy", &format!("Only {services} is rolled out; production is not touched. {SECOND} can be tried out now."));
    show_ports(screen, pipeline).await?;
    let (live, test) = (flip::version(pipeline, 80).await?, flip::version(pipeline, 8080).await?);
    ensure!(
        live == FIRST && test == SECOND,
        "production answers {live} and the rehearsal {test}, expected {FIRST} and {SECOND}: the deployment went to the wrong side"
    );
    Ok(execution)
}

/// Runs an action that checks, and shows what it found.
///
/// # Errors
/// The pipeline's; the check's refusal.
pub(super) async fn check(screen: &Screen, pipeline: &Pipeline, execution: &mut Execution, action: &Action) -> Result<Invoked> {
    let working = screen.working("the Lambda checks what a flip would do");
    let checked = pipeline.invoke(execution, action).await?;
    drop(working);
    show_check(screen, pipeline, &checked)?;
    Ok(checked)
}

/// Shows what a check found: what is where now, and where it would be.
fn show_check(screen: &Screen, pipeline: &Pipeline, checked: &Invoked) -> Result<()> {
    let found = checked.variables()?;
    let of = |name: &str| found.get(name).map_or("?", String::as_str);
    let healthy = |side: &str| {
        let (healthy, all) = pipeline.stack().map_or((0, 0), |stack| stack.healthy(&pipeline.world, side));
        format!("{side}: {healthy} of {all}")
    };
    let shown = |side: &str, image: &str| format!("{} ({})", of(image), of(side));
    let (live, test) = (shown("Live", "LiveImage"), shown("Test", "TestImage"));
    screen.tell("Check", "The Lambda has read the load balancer and ECS. This is what an approval would do:");
    screen.grid(
        ["port", "now", "after the flip", "healthy now"],
        &[
            ["80 production".to_owned(), live.clone(), test.clone(), healthy(of("Live"))],
            ["8080 rehearsal".to_owned(), test, live, healthy(of("Test"))],
        ],
    );
    sentences(screen, "", of("Summary"));
    screen.tell("", &format!("(The Lambda worked for {}.)", flip::lambda(checked)));
    Ok(())
}

/// A summary, a sentence a line.
fn sentences(screen: &Screen, who: &str, summary: &str) {
    for (index, sentence) in summary.split_inclusive(". ").enumerate() {
        screen.tell(if index == 0 { who } else { "" }, sentence.trim_end());
    }
}

/// Tells a flip's summary, and what was lost.
///
/// # Errors
/// The job's failure.
pub(super) fn tell_result(screen: &Screen, flipped: &Flipped) -> Result<()> {
    let summary = flipped.invoked.variables()?.get("Summary").context("the job exported no Summary")?;
    sentences(screen, "Lambda", summary);
    for lost in &flipped.lost {
        screen.tell("Lost", lost);
    }
    Ok(())
}

/// Shows where both ports are served, and which version answers there.
///
/// # Errors
/// Where a port is not served.
pub(super) async fn show_ports(screen: &Screen, pipeline: &Pipeline) -> Result<()> {
    for (port, what) in [(80, "Production"), (8080, "Rehearsal")] {
        let served = pipeline.world.load_balancer.address(LOAD_BALANCER, port);
        let address = served.with_context(|| format!("no listener on port {port}"))?;
        let url = if address.port() == 80 { format!("http://{}/", address.ip()) } else { format!("http://{address}/") };
        // Somebody else has the port, or only the administrator may use it.
        let instead = if address.port() == port { String::new() } else { format!(" (instead of port {port})") };
        screen.tell(what, &format!("{url} answers {}{instead}", flip::version(pipeline, port).await?));
    }
    Ok(())
}

/// Asks for an approval, until the answer is one.
///
/// # Errors
/// Where nobody is there to answer.
pub(super) async fn approved(screen: &Screen, people: &mut People, question: &str) -> Result<bool> {
    loop {
        screen.ask(&format!("{question} [Enter or y approves, n rejects]"));
        let answer = people.answer().await;
        screen.print(if people.say_yes() { "yes\n\n" } else { "\n" });
        match answer {
            Answer::Approved => return Ok(true),
            Answer::Rejected => return Ok(false),
            Answer::Unclear(other) => screen.tell("", &format!("{other:?} is neither yes nor no.")),
            Answer::Nobody => bail!("nobody is there to answer: standard input has ended. Pass --yes to approve everything"),
        }
    }
}
