//! The data plane of the load balancer: real listeners on loopback that route real HTTP by what the API holds.
//!
//! It behaves like an Application Load Balancer where that can hurt a release. Rules are evaluated for each request. A group that
//! no rule forwards to is unused and not probed; when a rule names it again its targets are initial, and take no traffic before
//! the group's threshold of probes has passed. A group all of whose targets were probed and found unhealthy fails open.
//!
//! Rules are in force when the API's answer is given, which most tests want, or later, in [`Batches`], as on AWS.
//!
//! Not played: WebSockets, HTTP/2, rule transforms, targets that speak TLS, cross-zone matters.

mod answer;
mod condition;
mod cookies;
mod deploy;
mod forward;
mod group;
mod health;
mod probe;
mod read;
mod serve;
mod sign_in;
mod table;
pub(crate) mod tls;
mod turns;

use std::{
    collections::{HashMap, HashSet},
    net::SocketAddr,
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use anyhow::{Result, bail};
use aws_config::SdkConfig;
use aws_sdk_elasticloadbalancingv2::Client;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

pub use self::{deploy::Batches, read::Scope};
use self::{
    deploy::{Fleet, Rules},
    forward::Forwarder,
    group::{Group, Settings, lock},
    probe::Prober,
    read::Reading,
    serve::{Door, Shared},
    table::Table,
    tls::Authority,
};

/// Which local port serves a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortPolicy {
    /// Any free one: for tests, which run side by side.
    Free,
    /// The listener's own where it is free and permitted, otherwise any: for people, who type it.
    SameIfPossible,
}

/// How the load balancer plays.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Which local ports are used.
    pub ports: PortPolicy,
    /// Probe intervals and deregistration delays are divided by this; at 100 a probe that AWS makes every 5 s comes every 50 ms.
    pub speed_up: u32,
    /// How long a target may take to answer until the client gets a 504.
    pub patience: Duration,
}

impl From<PortPolicy> for Options {
    fn from(ports: PortPolicy) -> Self {
        // 60 s is the idle time-out that AWS sets unless told otherwise.
        Self { ports, speed_up: 100, patience: Duration::from_secs(60) }
    }
}

/// A target's health in the API's words (ELB API reference, `TargetHealthDescription`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetState {
    /// The registered `Id`.
    pub id: String,
    /// The registered port.
    pub port: u16,
    /// `initial`, `healthy`, `unhealthy`, `unavailable`, `unused` or `draining`.
    pub state: String,
    /// Such as `Target.ResponseCodeMismatch`; none while healthy.
    pub reason: Option<String>,
    /// The reason as a sentence; none while healthy.
    pub description: Option<String>,
    /// Whether a zonal shift keeps traffic away from it, whatever its state.
    pub zonally_shifted: bool,
}

/// All load balancers of one account. Clones are the same ones; with the last the ports close.
#[derive(Clone)]
pub struct LoadBalancer(Arc<Inner>);

struct Inner {
    elb: Client,
    options: Options,
    shared: Arc<Shared>,
    prober: Prober,
    authority: Arc<Authority>,
    /// By the listener's ARN.
    doors: Mutex<HashMap<String, Door>>,
    /// Held while reading, so that readings do not overtake each other.
    state: tokio::sync::Mutex<State>,
    /// Whether every node has the rules that the API holds.
    even: watch::Sender<bool>,
    /// What has changed since a reading last began.
    stale: Mutex<Scope>,
}

/// What was last read, and how far the nodes have followed it.
struct State {
    reading: Reading,
    fleet: Fleet,
}

impl LoadBalancer {
    /// Reads the account behind `upstream` and serves what is there. Durations are sped up a hundredfold unless
    /// [`Options`] are given in place of the policy alone.
    ///
    /// # Errors
    /// The API's, and ports that cannot be bound.
    pub async fn start(upstream: SdkConfig, options: impl Into<Options>) -> Result<Self> {
        let options = options.into();
        let shared = Shared::new(Forwarder::new(options.patience));
        let this = Self(Arc::new(Inner {
            elb: Client::new(&upstream),
            options,
            shared: Arc::new(shared),
            prober: Prober::new(),
            authority: Arc::new(Authority::new()?),
            doors: Mutex::default(),
            state: tokio::sync::Mutex::new(State { reading: Reading::default(), fleet: Fleet::new() }),
            even: watch::Sender::new(true),
            stale: Mutex::default(),
        }));
        this.reload().await?;
        Ok(this)
    }

    /// Follows the API as it is now. When this returns, requests are routed by it, or rules are on their way in a batch.
    ///
    /// # Errors
    /// The API's, a rule that this load balancer cannot play, and ports that cannot be bound. The former table stays in force.
    pub async fn reload(&self) -> Result<()> {
        self.reload_after("").await
    }

    /// [`LoadBalancer::reload`] of only what the API's `action` can have changed.
    ///
    /// # Errors
    /// Those of [`LoadBalancer::reload`].
    pub async fn reload_after(&self, action: &str) -> Result<()> {
        let scope = Scope::of(action);
        {
            let mut stale = lock(&self.0.stale);
            *stale = stale.and(scope);
        }
        let mut state = self.0.state.lock().await;
        // Whoever held the lock before may have read this change already: a reading that began after it did.
        let scope = std::mem::take(&mut *lock(&self.0.stale));
        if let Err(error) = async {
            state.reading.refresh(&self.0.elb, scope).await?;
            self.0.follow(&mut state, scope, &Arc::downgrade(&self.0)).await
        }
        .await
        {
            *lock(&self.0.stale) = Scope::Everything;
            return Err(error);
        }
        Ok(())
    }

    /// Deploys changes of rules in batches from now on, or at once. The nodes begin with what the API holds.
    pub async fn set_batches(&self, batches: Option<Batches>) {
        let mut state = self.0.state.lock().await;
        state.fleet.deploy_in(batches);
        self.0.publish(&state);
    }

    /// Waits until every node has the rules that the API holds.
    pub async fn deployed(&self) {
        // The sender is held here: waiting cannot fail.
        let _ = self.0.even.subscribe().wait_for(|even| *even).await;
    }

    /// A client of the API behind all gateways: nothing counts, delays or breaks its calls.
    pub(crate) fn api(&self) -> &Client {
        &self.0.elb
    }

    /// The health of a group's targets; none for a group that is not there.
    #[must_use]
    pub fn health(&self, group_arn: &str) -> Vec<TargetState> {
        let nodes = self.0.shared.nodes.load();
        // Every node has the same groups.
        nodes.first().and_then(|table| table.groups.get(group_arn)).map(|group| group.health()).unwrap_or_default()
    }

    /// Begins or ends a zonal shift, as far as one target goes: it stays healthy, and takes no traffic.
    pub fn set_zonal_shift(&self, group_arn: &str, target: SocketAddr, away: bool) {
        if let Some(group) = self.0.shared.nodes.load().first().and_then(|table| table.groups.get(group_arn)) {
            group.shift(target, away);
        }
    }

    /// Where a listener is served, named by its load balancer and its port as the API has it; none before a node has it.
    #[must_use]
    pub fn address(&self, load_balancer_name: &str, listener_port: u16) -> Option<SocketAddr> {
        let nodes = self.0.shared.nodes.load();
        let mut listeners = nodes.iter().flat_map(|table| table.listeners.iter());
        let (arn, _) = listeners.find(|(_, l)| l.load_balancer == load_balancer_name && l.port == listener_port)?;
        lock(&self.0.doors).get(arn).map(|door| door.address)
    }

    /// Waits until the group has targets and all that are not draining are healthy.
    ///
    /// # Errors
    /// The time is over; the states are told.
    pub async fn wait_healthy(&self, group_arn: &str, timeout: Duration) -> Result<()> {
        self.wait(group_arn, timeout, |target| target.state != "draining").await
    }

    /// Waits until one target of the group is healthy.
    ///
    /// # Errors
    /// The time is over; the state is told.
    pub async fn wait_target_healthy(&self, group_arn: &str, address: SocketAddr, timeout: Duration) -> Result<()> {
        self.wait(group_arn, timeout, |target| target.port == address.port() && target.id == address.ip().to_string()).await
    }

    async fn wait(&self, group_arn: &str, timeout: Duration, counts: impl Fn(&TargetState) -> bool) -> Result<()> {
        let deadline = Instant::now() + timeout;
        loop {
            let mut targets = self.health(group_arn);
            targets.retain(&counts);
            if !targets.is_empty() && targets.iter().all(|t| t.state == "healthy") {
                return Ok(());
            }
            if Instant::now() > deadline {
                let tell = |t: TargetState| format!("{}:{} {} {}", t.id, t.port, t.state, t.reason.unwrap_or_default());
                let states: Vec<_> = targets.into_iter().map(tell).collect();
                bail!("{group_arn} is not healthy after {timeout:?}: {} targets {states:?}", states.len());
            }
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// The certificate (PEM) that clients of HTTPS listeners have to trust. Any host name is served.
    #[must_use]
    pub fn certificate_authority_pem(&self) -> String {
        self.0.authority.pem()
    }
}

impl Inner {
    /// Brings nodes and ports in line with what was read anew.
    async fn follow(&self, state: &mut State, scope: Scope, this: &Weak<Self>) -> Result<()> {
        if scope >= Scope::Routing {
            state.fleet.change(table::listeners(&state.reading)?, this);
        }
        self.publish(state);
        let wanted: Vec<_> = state.fleet.latest().iter().map(|(arn, l)| (arn.clone(), l.port, l.https)).collect();
        lock(&self.doors).retain(|arn, _| wanted.iter().any(|(w, ..)| w == arn));
        for (arn, port, https) in wanted {
            if !lock(&self.doors).contains_key(&arn) {
                let tls = https.then(|| self.authority.acceptor()).transpose()?;
                let door = Door::open(Arc::clone(&self.shared), arn.clone(), port, self.options.ports, tls).await?;
                lock(&self.doors).insert(arn, door);
            }
        }
        Ok(())
    }

    /// Makes what the nodes have, and what was read of the groups, the tables that requests are answered by.
    fn publish(&self, state: &State) {
        let State { reading, fleet } = state;
        let before = self.shared.nodes.load_full();
        let before = before.first().map(|table| Arc::clone(&table.groups)).unwrap_or_default();
        let attached: HashSet<&str> = fleet.nodes().flat_map(|node| table::attached(&node.listeners)).collect();
        let mut groups = HashMap::new();
        for group in &reading.groups {
            let Some(arn) = group.target_group_arn() else { continue };
            let settings = Settings::read(group, reading.attributes.get(arn), self.options.speed_up);
            let targets = reading.targets.get(arn).into_iter().flatten();
            let port = |port: Option<i32>| port.and_then(|port| u16::try_from(port).ok());
            let targets: Vec<_> = targets.filter_map(|t| Some((t.id()?.to_owned(), port(t.port())?))).collect();
            let before = before.get(arn).map(Arc::as_ref);
            let group = Group::new(before, arn, settings, attached.contains(arn), &targets, &self.prober);
            groups.insert(arn.to_owned(), Arc::new(group));
        }
        let groups = Arc::new(groups);
        let table = |node: &Rules| Table { listeners: Arc::clone(&node.listeners), groups: Arc::clone(&groups) };
        self.shared.nodes.store(Arc::new(fleet.nodes().map(table).collect()));
        self.even.send_replace(fleet.is_even());
    }
}
