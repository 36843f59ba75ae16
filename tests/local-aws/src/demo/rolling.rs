//! What every part of `--roll` does: services that are made, and the real deployer, whose command and words are shown.

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use anyhow::{Context, Result};
use aws_sdk_ecs::types::{ContainerDefinition, LoadBalancer, LogConfiguration, LogDriver};

use super::screen::Screen;
use crate::world::World;

pub(super) const SERVICE: &str = "web";
pub(super) const CLUSTER: &str = "main";
pub(super) const REPOSITORY: &str = "shop/web";
/// How long the first version may take to come up.
const UP: Duration = Duration::from_secs(60);

/// A service that runs its first version.
pub(super) async fn create(world: &World, (name, desired): (&str, i32), image: &str, group: Option<&str>) -> Result<()> {
    let definition = define(world, name, image).await?;
    let create = world.ecs().create_service().cluster(CLUSTER).service_name(name).desired_count(desired);
    let served = group.map(|group| {
        let served = LoadBalancer::builder().target_group_arn(group).container_name(name).container_port(80).build();
        vec![served]
    });
    let made = create.set_load_balancers(served).task_definition(definition).send().await?;
    made.service().context("no service")?;
    world.ecs_runner.settled(CLUSTER, name, UP).await
}

/// A task definition of one container, which prints to CloudWatch Logs: its ARN.
pub(super) async fn define(world: &World, name: &str, image: &str) -> Result<String> {
    let group = format!("/ecs/{name}");
    let options = [("awslogs-group", group.as_str()), ("awslogs-region", crate::world::REGION), ("awslogs-stream-prefix", name)];
    let mut logs = LogConfiguration::builder().log_driver(LogDriver::Awslogs);
    for (name, value) in options {
        logs = logs.options(name, value);
    }
    let container = ContainerDefinition::builder().name(name).image(image).log_configuration(logs.build()?).build();
    let made = world.ecs().register_task_definition().family(name).container_definitions(container).send().await?;
    made.task_definition().and_then(|made| made.task_definition_arn()).map(str::to_owned).context("no task definition")
}

/// Runs `deployer roll` in a folder, and shows the command and all that it says.
pub(super) async fn run(screen: &Screen, world: &World, folder: &Path, arguments: &[&str]) -> Result<Output> {
    let all = [&["roll"], arguments].concat();
    let quoted = |word: &&str| if word.contains(' ') { format!("'{word}'") } else { (*word).to_owned() };
    screen.tell("you", &format!("deployer {}", all.iter().map(quoted).collect::<Vec<_>>().join(" ")));
    let output = world.deployer(|command| {
        command.args(&all).current_dir(folder).env("NO_COLOR", "1");
    });
    let output = output.await?;
    let lines = |bytes: &[u8]| String::from_utf8_lossy(bytes).lines().map(str::to_owned).collect::<Vec<_>>();
    screen.quote(&lines(&output.stderr));
    screen.quote(&lines(&output.stdout));
    let code = output.status.code().map_or_else(|| "none".to_owned(), |code| code.to_string());
    screen.tell("deployer", &format!("exit code {code}"));
    Ok(output)
}

pub(super) fn expect(code: i32, output: &Output, wrong: &mut Vec<String>) {
    if output.status.code() != Some(code) {
        wrong.push(format!("the deployer ended with {}, expected exit code {code}", output.status));
    }
}
