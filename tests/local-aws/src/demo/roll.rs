//! `--roll`: a rolling update, a bad image that is undone, and a one-off task, each by the real deployer.

use std::process::Output;
use std::time::Duration;

use anyhow::{Context, Result};
use aws_sdk_ecs::types::{ContainerDefinition, LoadBalancer, LogConfiguration, LogDriver, Service};

use super::Ended;
use super::screen::Screen;
use crate::ecs::registry::{Image, Registry};
use crate::load::{Aim, Load};
use crate::load_balancer::PortPolicy;
use crate::world::{DEPLOYER_ROLE, Pair, ROLL_POLICY, World, WorldOptions};

const SERVICE: &str = "web";
const CLUSTER: &str = "main";
const REPOSITORY: &str = "shop/web";
/// How long the first version may take to come up.
const UP: Duration = Duration::from_secs(60);
/// What every client asks before and after.
const AROUND: usize = 20;

pub(super) async fn play(screen: &Screen) -> Result<Ended> {
    let working = screen.working("starting the local AWS");
    let world = World::start(WorldOptions { ports: PortPolicy::SameIfPossible, progress: Box::new(working.teller()) }).await?;
    world.set_policies(DEPLOYER_ROLE, &[ROLL_POLICY])?;
    let registry = Registry::of(world.operator()).await?;
    let repository = registry.repository(REPOSITORY);
    registry.push(REPOSITORY, "1.0", Image::default()).await?;
    create(&world, &format!("{repository}:1.0")).await?;
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
        wrong.push(format!("{} requests were lost", report.failed()));
    }
    Ok(if wrong.is_empty() { Ended::Well } else { Ended::Lost(wrong) })
}

/// The service, running its first version.
async fn create(world: &World, image: &str) -> Result<()> {
    let shop = world.load_balancer("shop").pair(Pair::new("shop").targets(0, 0)).create().await?;
    let ecs = world.ecs();
    ecs.create_cluster().cluster_name(CLUSTER).send().await?;
    let options = [("awslogs-group", "/ecs/web"), ("awslogs-region", crate::world::REGION), ("awslogs-stream-prefix", "web")];
    let mut logs = LogConfiguration::builder().log_driver(LogDriver::Awslogs);
    for (name, value) in options {
        logs = logs.options(name, value);
    }
    let container = ContainerDefinition::builder().name(SERVICE).image(image).log_configuration(logs.build()?).build();
    let made = ecs.register_task_definition().family(SERVICE).container_definitions(container).send().await?;
    let definition = made.task_definition().and_then(|made| made.task_definition_arn()).context("no task definition")?;
    let served =
        LoadBalancer::builder().target_group_arn(shop.group("shop-code1")?).container_name(SERVICE).container_port(80).build();
    let create = ecs.create_service().cluster(CLUSTER).service_name(SERVICE).desired_count(2);
    let made: Option<Service> = create.load_balancers(served).task_definition(definition).send().await?.service;
    made.context("no service")?;
    world.ecs_runner.settled(CLUSTER, SERVICE, UP).await
}

/// Runs `deployer roll`, and shows the command and all that it says.
async fn roll(screen: &Screen, world: &World, arguments: &[&str]) -> Result<Output> {
    let (verb, rest) = arguments.split_first().context("no verb")?;
    let place: &[&str] = if *verb == "status" { &["--cluster", CLUSTER] } else { &["--cluster", CLUSTER, "--service", SERVICE] };
    let all = [&["roll", verb], place, rest].concat();
    let quoted = |word: &&str| if word.contains(' ') { format!("'{word}'") } else { (*word).to_owned() };
    screen.tell("you", &format!("deployer {}", all.iter().map(quoted).collect::<Vec<_>>().join(" ")));
    let output = world.deployer(|command| {
        command.args(&all).env("NO_COLOR", "1");
    });
    let output = output.await?;
    let lines = |bytes: &[u8]| String::from_utf8_lossy(bytes).lines().map(str::to_owned).collect::<Vec<_>>();
    screen.quote(&lines(&output.stderr));
    screen.quote(&lines(&output.stdout));
    let code = output.status.code().map_or_else(|| "none".to_owned(), |code| code.to_string());
    screen.tell("deployer", &format!("exit code {code}"));
    Ok(output)
}

fn expect(code: i32, output: &Output, wrong: &mut Vec<String>) {
    if output.status.code() != Some(code) {
        wrong.push(format!("the deployer ended with {}, expected exit code {code}", output.status));
    }
}
