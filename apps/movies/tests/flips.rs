//! Two colours behind a load balancer, flipped by the real function under load: no request is lost, and a page never comes from the
//! API of the other colour.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use aws_sdk_elasticloadbalancingv2::types::TargetDescription;
use local_aws::jobs::JobState;
use local_aws::world::{Created, Pair, World, WorldOptions};

use crate::harness::{Database, Server, web};

const CLIENTS: usize = 64;
const FLIPS: usize = 4;

/// What the clients got.
#[derive(Debug, Default)]
struct Seen {
    served: usize,
    failed: usize,
    /// Answers by the version of the web and of the API that it asked.
    versions: BTreeMap<(String, String), usize>,
}

#[tokio::test(flavor = "multi_thread")]
async fn one_flip_moves_web_and_api_and_loses_nothing() {
    let database = Database::loaded().await;
    let apis = [database.api("1.0"), database.api("1.1")];
    let seen = flipped_under_load(&apis[0], &apis[1]).await;
    assert_eq!(seen.failed, 0, "{seen:?}");
    let pairs: Vec<_> = seen.versions.keys().map(|(web, api)| (web.as_str(), api.as_str())).collect();
    assert_eq!(pairs, [("1.0", "1.0"), ("1.1", "1.1")], "{seen:?}");
    println!("{} requests of {CLIENTS} clients over {FLIPS} flips, 0 failed, 0 mixed", seen.served);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_that_asks_the_other_colours_api_is_found_out() {
    let database = Database::loaded().await;
    let api = database.api("1.0");
    let seen = flipped_under_load(&api, &api).await;
    assert!(seen.versions.contains_key(&("1.1".to_owned(), "1.0".to_owned())), "{seen:?}");
}

/// Flips between two webs, the first of which asks `one` and the second `two`.
async fn flipped_under_load(one: &Server, two: &Server) -> Seen {
    let webs = [web("1.0", &one.url, &[]), web("1.1", &two.url, &[("COLOUR", "green")])];
    let world = World::start(WorldOptions::default()).await.unwrap();
    let pair = Pair::new("shop").images("1.0", "1.1").targets(0, 0);
    let balancer = world.load_balancer("shop").pair(pair).create().await.unwrap();
    for (group, web) in ["shop-code1", "shop-code2"].into_iter().zip(&webs) {
        serve(&world, &balancer, group, web).await;
    }
    let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let port = if client % 2 == 0 { 80 } else { 8080 };
            let address = world.load_balancer.address("shop", port).unwrap();
            // Most ask for what needs no database: the one of the tests is slow.
            let path = if client < 8 { "/movies/1971/The%20Quiet%20Lighthouse" } else { "/version" };
            tokio::spawn(keep_asking(format!("http://{address}{path}"), Arc::clone(&stop), Arc::clone(&answered)))
        })
        .collect();
    let lambda = world.lambda(Duration::from_secs(60)).unwrap();
    for live in ["Code2", "Code1"].into_iter().cycle().take(FLIPS) {
        asked_on(&answered).await;
        let job = world.jobs.create_job(&serde_json::json!({ "ElbName": "shop", "PromoteTo": live }).to_string());
        lambda.deliver(world.jobs.event(&job).to_string().as_bytes()).await.unwrap();
        let state = world.jobs.state(&job).unwrap();
        assert!(matches!(state, JobState::Succeeded { .. }), "{state:?}");
    }
    asked_on(&answered).await;
    stop.store(true, Ordering::Relaxed);
    let mut all = Seen::default();
    for client in clients {
        let seen = client.await.unwrap();
        all.served += seen.served;
        all.failed += seen.failed;
        seen.versions.into_iter().for_each(|(pair, count)| *all.versions.entry(pair).or_default() += count);
    }
    all
}

/// Puts a web behind a group.
async fn serve(world: &World, balancer: &Created, group: &str, web: &Server) {
    let arn = balancer.group(group).unwrap();
    let port: i32 = web.url.rsplit(':').next().unwrap().parse().unwrap();
    let target = TargetDescription::builder().id("127.0.0.1").port(port).build();
    world.elb().modify_target_group().target_group_arn(arn).health_check_path("/readyz").send().await.unwrap();
    world.elb().register_targets().target_group_arn(arn).targets(target).send().await.unwrap();
    world.load_balancer.wait_healthy(arn, Duration::from_secs(60)).await.unwrap();
}

/// Waits until the clients have had ten more answers each, one with another.
async fn asked_on(answered: &AtomicUsize) {
    let (began, before) = (Instant::now(), answered.load(Ordering::Relaxed));
    while answered.load(Ordering::Relaxed) < before + 10 * CLIENTS {
        assert!(began.elapsed() < Duration::from_secs(60), "the clients are not answered any more");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn keep_asking(address: String, stop: Arc<AtomicBool>, answered: Arc<AtomicUsize>) -> Seen {
    let client = reqwest::Client::new();
    let mut seen = Seen::default();
    while !stop.load(Ordering::Relaxed) {
        match ask(&client, &address).await {
            Ok(versions) => {
                *seen.versions.entry(versions).or_default() += 1;
                seen.served += 1;
            }
            Err(_) => seen.failed += 1,
        }
        answered.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    seen
}

/// The versions of the web and of the API that an answer came from, once all of it is there.
async fn ask(client: &reqwest::Client, address: &str) -> Result<(String, String), reqwest::Error> {
    let answer = client.get(address).send().await?.error_for_status()?;
    let header = |name: &str| answer.headers().get(name).map_or("none", |value| value.to_str().unwrap()).to_owned();
    let versions = (header("x-version"), header("x-api-version"));
    answer.bytes().await?;
    Ok(versions)
}
