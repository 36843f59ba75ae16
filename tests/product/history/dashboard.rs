//! The dashboard: the same releases as `deployer history`; and two replicas behind the load balancer, with one Redis.

use std::process::Stdio;
use std::time::{Duration, Instant};

use aws_sdk_elasticloadbalancingv2::types::TargetDescription;
use local_aws::load::{Aim, Load};
use local_aws::world::{DEPLOYER_ROLE, Pair, World, WorldOptions, binary};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use super::stage::{released_and_taken_back, releases};

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A dashboard of made-up projects; it ends with this.
fn dashboard(role: &str, port: u16, folder: &TempDir, variables: &[(String, String)]) -> Child {
    let mut command = Command::new(binary("dashboard"));
    command.env_clear().arg(role).arg("--demo").env("PORT", port.to_string()).envs(variables.iter().cloned());
    command.env("DATA_DIR", folder.path().join(format!("{role}-{port}"))).stdout(Stdio::null()).kill_on_drop(true);
    command.spawn().unwrap()
}

/// The body of an answer 200; none where there is another one, or nobody.
async fn get(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\nhost: localhost\r\n\r\n").as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    answer.starts_with("HTTP/1.0 200").then(|| answer.split_once("\r\n\r\n").unwrap_or_default().1.to_owned())
}

async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < Duration::from_secs(90), "not within 90 seconds: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn the_dashboard_shows_what_deployer_history_prints() {
    let pipeline = released_and_taken_back().await;
    let (port, folder) = (free_port(), TempDir::new().unwrap());
    let mut variables: Vec<(String, String)> = pipeline.world.env_as(DEPLOYER_ROLE).into_iter().collect();
    variables.extend([("RELEASES_PIPELINES".into(), "shop".into()), ("RELEASES_LOAD_BALANCERS".into(), "shop".into())]);
    let _dashboard = dashboard("both", port, &folder, &variables);
    let known =
        async || serde_json::from_str::<Value>(&get(port, "/api/v1/releases").await.unwrap_or_default()).unwrap_or_default();
    until("releases are read", async || known().await["read_at"].is_string()).await;
    let printed = releases(&pipeline.world, &["--pipeline", "shop", "--elb", "shop"]).await;
    assert_eq!(known().await["releases"], Value::from(printed));
    let page = get(port, "/releases").await.unwrap();
    assert!(page.contains("by bob") && page.contains("flip to Code2"), "{page}");
}

/// A redis-server of this test's own; it ends with this.
async fn redis(port: u16, folder: &TempDir) -> Child {
    let mut command = Command::new("redis-server");
    command.args(["--bind", "127.0.0.1", "--save", "", "--port", &port.to_string(), "--dir"]).arg(folder.path());
    let redis = command.stdout(Stdio::null()).kill_on_drop(true).spawn().expect("redis-server: run apps/dashboard/tests/setup");
    until("Redis listens", async || TcpStream::connect(("127.0.0.1", port)).await.is_ok()).await;
    redis
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one story, in its order")]
async fn two_replicas_serve_while_redis_and_one_of_them_die() {
    let world = World::start(WorldOptions::default()).await.unwrap();
    let shop = world.load_balancer("releases").pair(Pair::new("releases").targets(0, 0)).create().await.unwrap();
    let group = shop.group("releases-code1").unwrap();
    // As the README says: ready without GitLab and without Redis.
    world.elb().modify_target_group().target_group_arn(group).health_check_path("/readyz").send().await.unwrap();
    let (folder, redis_port) = (TempDir::new().unwrap(), free_port());
    let mut server = redis(redis_port, &folder).await;
    let variables: Vec<(String, String)> = [
        ("REDIS_HOST", "127.0.0.1"),
        ("REDIS_PORT", &redis_port.to_string()),
        ("REFRESH_SECONDS", "1"),
        ("SESSION_SECRET_KEY", "made-up-projects-need-no-real-secret"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    let _refresher = dashboard("refresh", 0, &folder, &variables);
    let ports = [free_port(), free_port()];
    let mut replicas = ports.map(|port| dashboard("serve", port, &folder, &variables));
    let whole = async |port| get(port, "/").await.is_some_and(|page| page.contains("<b>24</b> projects"));
    for port in ports {
        until("a replica shows all projects", async || whole(port).await).await;
        let target = TargetDescription::builder().id("127.0.0.1").port(port.into()).build();
        world.elb().register_targets().target_group_arn(group).targets(target).send().await.unwrap();
    }
    let state = |port: u16| {
        let targets = world.load_balancer.health(group);
        targets.into_iter().find(|target| target.port == port).map(|target| target.state)
    };
    let is = |port: u16, wanted: &str| state(port).as_deref() == Some(wanted);
    until("both replicas are healthy", async || ports.iter().all(|port| is(*port, "healthy"))).await;
    let address = world.load_balancer.address("releases", 80).unwrap();
    assert!(whole(address.port()).await);
    let load = Load::start(&[Aim { path: "/".into(), ..Aim::at("page", address) }]);
    load.each_asked(20).await.unwrap();
    server.kill().await.unwrap();
    for port in ports {
        until("the replica says how old its data are", async || {
            get(port, "/")
                .await
                .is_some_and(|page| page.contains("Shown is what this replica last saw") && page.contains("<b>24</b>"))
        })
        .await;
    }
    load.each_asked(20).await.unwrap();
    let _server = redis(redis_port, &folder).await;
    for port in ports {
        until("it is fresh again", async || {
            get(port, "/")
                .await
                .is_some_and(|page| !page.contains("Shown is what this replica last saw") && page.contains("<b>24</b>"))
        })
        .await;
    }
    load.each_asked(20).await.unwrap();
    let report = load.stop().await.unwrap();
    assert_eq!(report.failed(), 0, "{:?}", report.statuses("page"));
    assert!(report.served() > 200, "{}", report.served());
    // One replica dies: once the load balancer has noticed, the other serves alone.
    replicas[0].kill().await.unwrap();
    until("the load balancer has noticed", async || is(ports[0], "unhealthy")).await;
    assert!(is(ports[1], "healthy"));
    let load = Load::start(&[Aim { path: "/".into(), ..Aim::at("page", address) }]);
    load.each_asked(20).await.unwrap();
    assert_eq!(load.stop().await.unwrap().failed(), 0);
}
