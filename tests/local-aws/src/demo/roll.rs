//! `--roll`: a rolling update, a bad image that is undone, a one-off task, and a release of several services, each by the real deployer.

use std::path::Path;
use std::process::Output;

use anyhow::{Context, Result};

use super::Ended;
use super::bundle;
use super::rolling::{CLUSTER, REPOSITORY, SERVICE, create, expect, run};
use super::screen::Screen;
use crate::ecs::registry::{Image, Registry};
use crate::load::{Aim, Load};
use crate::load_balancer::PortPolicy;
use crate::world::{DEPLOYER_ROLE, Pair, ROLL_POLICY, World, WorldOptions};

/// What every client asks before and after.
const AROUND: usize = 20;

pub(super) async fn play(screen: &Screen) -> Result<Ended> {
    let working = screen.working("starting the local AWS");
    let world = World::start(WorldOptions { ports: PortPolicy::SameIfPossible, progress: Box::new(working.teller()) }).await?;
    world.set_policies(DEPLOYER_ROLE, &[ROLL_POLICY])?;
    let registry = Registry::of(world.operator()).await?;
    let repository = registry.repository(REPOSITORY);
    registry.push(REPOSITORY, "1.0", Image::default()).await?;
    let shop = world.load_balancer("shop").pair(Pair::new("shop").targets(0, 0)).create().await?;
    world.ecs().create_cluster().cluster_name(CLUSTER).send().await?;
    create(&world, (SERVICE, 2), &format!("{repository}:1.0"), Some(shop.group("shop-code1")?)).await?;
    drop(working);
    let address = world.load_balancer.address("shop", 80).context("no live port")?;
    screen.heading("A service with two tasks");
    screen.tell(
        "ECS",
        &format!("runs {SERVICE} 1.0 behind http://{address}, without a circuit breaker: the deployer judges by itself"),
    );
    let load = Load::start(&[Aim::at("live", address)]);
    load.each_asked(AROUND).await?;
    let mut wrong = Vec::new();
    let deploy = async |tag: &str| roll(screen, &world, &["deploy", "--image", &format!("{repository}:{tag}")]).await;

    screen.heading("1.1 is rolled out");
    registry.push(REPOSITORY, "1.1", Image::default()).await?;
    expect(0, &deploy("1.1").await?, &mut wrong);

    screen.heading("1.2 lacks a setting");
    let line = "echo FATAL: DATABASE_URL is not set; exit 3";
    registry.push(REPOSITORY, "1.2", Image { command: &["sh", "-c", line], ..Image::default() }).await?;
    expect(6, &deploy("1.2").await?, &mut wrong);

    screen.heading("A one-off task");
    expect(0, &roll(screen, &world, &["run", "--", "sh", "-c", "echo migrated 7 tables"]).await?, &mut wrong);

    wrong.extend(bundle::play(screen, &world, &registry).await?);

    screen.heading("What runs now");
    expect(0, &roll(screen, &world, &["status"]).await?, &mut wrong);
    load.each_asked(AROUND).await?;
    let report = load.stop().await?;
    let versions: Vec<String> =
        report.versions("live").into_iter().map(|(version, number)| format!("{version}: {number}")).collect();
    screen.figures(&[
        ("requests meanwhile", report.samples("live").len().to_string()),
        ("answered by", versions.join(", ")),
        ("requests failed", report.failed().to_string()),
    ]);
    if report.failed() > 0 {
        wrong.push(format!("{} requests were lost: {}", report.failed(), report.lost().join("; ")));
    }
    Ok(if wrong.is_empty() { Ended::Well } else { Ended::Lost(wrong) })
}

/// Runs `deployer roll` on the service, and shows the command and all that it says.
async fn roll(screen: &Screen, world: &World, arguments: &[&str]) -> Result<Output> {
    let (verb, rest) = arguments.split_first().context("no verb")?;
    let place: &[&str] = if *verb == "status" { &["--cluster", CLUSTER] } else { &["--cluster", CLUSTER, "--service", SERVICE] };
    run(screen, world, Path::new("."), &[&[*verb], place, rest].concat()).await
}
