//! The build step among 10 and 500 services: its `Service` tag says where to look, or it searches.

use std::process::Stdio;
use std::time::{Duration, Instant};

use aws_sdk_ecs::types::{ContainerDefinition, LoadBalancer};
use futures::{StreamExt, stream};
use local_aws::world::{Created, Pair, World, WorldOptions, binary};
use tokio::process::Command;

use crate::figures::Figures;

const BUILT: &str = "{\"tag\":\"v9\"}";
/// Runs a program, and says what it has used: CPU in seconds, and the most memory in KiB.
const USED: &str = "import resource, subprocess, sys
code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(code, used.ru_utime + used.ru_stime, used.ru_maxrss)";
/// How long each call takes besides.
const DISTANCE: Duration = Duration::from_millis(20);

struct Run {
    cpu: f64,
    memory: f64,
    calls: usize,
    of_ecs: usize,
    trips: usize,
    time: f64,
}

/// Measures the build step.
pub async fn measure(figures: &mut Figures, quick: bool) {
    for services in [10, 500] {
        let world = World::start(WorldOptions::default()).await.unwrap();
        let shop = world.load_balancer("shop").pair(Pair::new("shop").targets(0, 0)).create().await.unwrap();
        eprintln!("  the deployer among {services} services");
        fill(&world, &shop, services).await;
        world.gateway.set_distance(DISTANCE);
        for (how, tag) in [("by its Service tag", Some("main/shop")), ("searching", None)] {
            let group = shop.group("shop-code1").unwrap();
            if let Some(tag) = tag {
                let tag = aws_sdk_elasticloadbalancingv2::types::Tag::builder().key("Service").value(tag).build();
                world.elb().add_tags().resource_arns(group).tags(tag).send().await.unwrap();
            } else {
                world.elb().remove_tags().resource_arns(group).tag_keys("Service").send().await.unwrap();
            }
            let mut runs = Vec::new();
            for _ in 0..if quick { 1 } else { 5 } {
                runs.push(run(&world).await);
            }
            let mut row = |what: &str, unit, value: &dyn Fn(&Run) -> f64, goal| {
                figures.measured(&format!("deployer, {services} services, {how}: {what}"), unit, runs.iter().map(value), goal);
            };
            row("calls", "", &|run| run.calls as f64, None);
            row("calls of ECS", "", &|run| run.of_ecs as f64, Some(if tag.is_some() { 2.0 } else { 60.0 }));
            row("round trips", "", &|run| run.trips as f64, None);
            row("time at 20 ms a call", "ms", &|run| run.time, None);
            row("CPU", "ms", &|run| run.cpu, None);
            row("memory", "MB", &|run| run.memory, None);
        }
    }
}

/// Services in one cluster; the last one serves the live group.
async fn fill(world: &World, shop: &Created, services: usize) {
    let ecs = world.ecs();
    ecs.create_cluster().cluster_name("main").send().await.unwrap();
    let container = ContainerDefinition::builder().name("web").image("registry.example/shop:v1").build();
    let made = ecs.register_task_definition().family("shop").container_definitions(container).send().await.unwrap();
    let definition = made.task_definition().unwrap().task_definition_arn().unwrap();
    let create = |number: usize| {
        // A service without tasks would be searched past.
        let create = ecs.create_service().cluster("main").task_definition(definition).desired_count((number == 0).into());
        let served = |group| LoadBalancer::builder().target_group_arn(group).container_name("web").container_port(80).build();
        match number {
            0 => create.service_name("shop").load_balancers(served(shop.group("shop-code1").unwrap())),
            _ => create.service_name(format!("other-{number}")).load_balancers(served(shop.group("shop-code2").unwrap())),
        }
    };
    let made = stream::iter((0..services).rev()).map(|number| create(number).send()).buffer_unordered(8);
    made.for_each(|made| async { drop(made.unwrap()) }).await;
    world.ecs_runner.settled("main", "shop", Duration::from_secs(60)).await.unwrap();
}

async fn run(world: &World) -> Run {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("build.json"), BUILT).unwrap();
    let mut command = Command::new("python3");
    command.env_clear().envs(world.env_as("deployer")).env("ELB_NAME", "shop").env("PATH", std::env::var_os("PATH").unwrap());
    command.current_dir(folder.path()).args(["-c", USED]).arg(std::path::absolute(binary("deployer")).unwrap());
    world.gateway.reset_calls();
    let began = Instant::now();
    let ended = command.stdin(Stdio::null()).stderr(Stdio::piped()).output().await.unwrap();
    let time = began.elapsed().as_secs_f64() * 1e3;
    let text = String::from_utf8(ended.stdout).unwrap();
    let words: Vec<&str> = text.split_whitespace().collect();
    let [code, cpu, memory] = words.as_slice() else { panic!("{text}") };
    assert_eq!(*code, "0", "{}", String::from_utf8_lossy(&ended.stderr));
    let calls = world.gateway.calls();
    let trips = calls.iter().map(|call| call.depth).max().unwrap();
    let of_ecs = calls.iter().filter(|call| call.service == "ecs").count();
    let number = |text: &str| text.parse::<f64>().unwrap();
    Run { cpu: number(cpu) * 1e3, memory: number(memory) * 1024.0 / 1e6, calls: calls.len(), of_ecs, trips, time }
}
