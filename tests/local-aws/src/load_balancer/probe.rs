//! Health probes: a real GET on the group's health check path, again and again.

use std::{
    net::SocketAddr,
    ops::RangeInclusive,
    sync::{Arc, Mutex},
    time::Duration,
};

use aws_sdk_elasticloadbalancingv2::types;
use bytes::Bytes;
use http_body_util::Empty;
use hyper::{Request, header};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::{
    group::lock,
    health::{Health, Problem},
};

/// No probe gives up sooner, however much time is sped up: a busy machine is not a sick target.
const LEAST_TIMEOUT: Duration = Duration::from_secs(1);
/// No probe waits longer, so that a target that hangs is told soon.
const MOST_TIMEOUT: Duration = Duration::from_secs(5);
/// Probes are no closer together.
const LEAST_INTERVAL: Duration = Duration::from_millis(10);

/// How a group wants its targets probed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Check {
    /// Whether there are checks at all.
    pub enabled: bool,
    path: String,
    /// Where it is not the port of the traffic.
    port: Option<u16>,
    interval: Duration,
    timeout: Duration,
    healthy_threshold: u32,
    unhealthy_threshold: u32,
    /// The statuses that pass.
    passes: Vec<RangeInclusive<u16>>,
}

impl Check {
    /// Reads a group's health check; the interval is divided by `speed_up`. What is not given is the API's default.
    pub fn read(group: &types::TargetGroup, speed_up: u32) -> Self {
        let count = |n: Option<i32>, default| n.and_then(|n| u32::try_from(n).ok()).unwrap_or(default);
        let seconds = |n, default| Duration::from_secs(u64::from(count(n, default)));
        let codes = group.matcher().and_then(|m| m.http_code()).unwrap_or("200");
        Self {
            enabled: group.health_check_enabled().unwrap_or(true),
            path: group.health_check_path().unwrap_or("/").to_owned(),
            port: group.health_check_port().and_then(|port| port.parse().ok()),
            interval: (seconds(group.health_check_interval_seconds(), 30) / speed_up).max(LEAST_INTERVAL),
            timeout: seconds(group.health_check_timeout_seconds(), 5).clamp(LEAST_TIMEOUT, MOST_TIMEOUT),
            healthy_threshold: count(group.healthy_threshold_count(), 5),
            unhealthy_threshold: count(group.unhealthy_threshold_count(), 2),
            passes: codes.split(',').filter_map(range).collect(),
        }
    }
}

/// `200` or `200-299`.
fn range(codes: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = codes.split_once('-').unwrap_or((codes, codes));
    Some(first.trim().parse().ok()?..=last.trim().parse().ok()?)
}

/// Starts probes; all share one client.
pub(super) struct Prober {
    client: Client<HttpConnector, Empty<Bytes>>,
}

impl Prober {
    pub fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        // A connection for each probe, so that a target that takes no new ones is seen.
        Self { client: Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector) }
    }

    /// Probes a target until the handle is dropped, the first time at once. Without an address every probe fails.
    pub fn start(&self, check: Check, target: Option<SocketAddr>, health: Arc<Mutex<Health>>) -> AbortOnDropHandle<()> {
        let client = self.client.clone();
        AbortOnDropHandle::new(tokio::spawn(async move {
            let mut ticks = interval(check.interval);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                let probe = match target {
                    Some(target) => probe(&client, &check, target).await,
                    None => Err(Problem::Connection),
                };
                lock(&health).record(probe, check.healthy_threshold, check.unhealthy_threshold);
            }
        }))
    }
}

async fn probe(client: &Client<HttpConnector, Empty<Bytes>>, check: &Check, mut target: SocketAddr) -> Result<(), Problem> {
    target.set_port(check.port.unwrap_or(target.port()));
    let request = Request::get(format!("http://{target}{}", check.path)).header(header::USER_AGENT, "ELB-HealthChecker/2.0");
    let request = request.body(Empty::new()).map_err(|_| Problem::Connection)?;
    match timeout(check.timeout, client.request(request)).await {
        Err(_) => Err(Problem::Timeout),
        Ok(Err(_)) => Err(Problem::Connection),
        Ok(Ok(answer)) if check.passes.iter().any(|codes| codes.contains(&answer.status().as_u16())) => Ok(()),
        Ok(Ok(answer)) => Err(Problem::Status(answer.status().as_u16())),
    }
}
