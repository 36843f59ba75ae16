//! The only endpoint the product sees. It passes every call on to ministack, answers for CodePipeline and for target health,
//! enforces AWS's limits and the roles' policies, keeps a log, and can break, delay or hold the n-th call, and make reads come late.

mod answer;
mod faults;
mod health;
mod identity;
mod limits;
mod log;
mod paging;
mod policy;
mod request;
mod rest;
mod rounds;
mod serve;
mod stacks;
mod stale;
pub(crate) mod tags;
mod throttle;
mod tls;
mod upstream;
mod xml;

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use answer::ServiceError;
pub use faults::{At, Fault, FaultKind, Lasts, Pause};
pub use log::Call;
pub(crate) use log::lock;
pub use policy::Policy;
pub(crate) use request::Request;
pub use request::{Caller, OPERATOR};
pub use stale::StaleReads;
pub use tls::TlsFront;

use crate::connections::each_connection;
use crate::ecs::{Registrations, Runner};
use crate::jobs::Jobs;
use crate::load_balancer::LoadBalancer;
use throttle::Throttle;
use upstream::Upstream;

/// What a gateway stands in front of.
pub struct Backends {
    /// ministack's address.
    pub api: SocketAddr,
    /// Serves the traffic, knows the health of targets.
    pub load_balancer: LoadBalancer,
    /// Rolls services out.
    pub ecs: Runner,
    /// CodePipeline's jobs.
    pub jobs: Jobs,
}

/// A running gateway. Clones are the same one; it ends with the last.
#[derive(Clone)]
pub struct Gateway(Arc<Running>);

struct Running {
    address: SocketAddr,
    inner: Arc<Inner>,
    serving: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

type Kill = Arc<dyn Fn() + Send + Sync>;

struct Inner {
    upstream: Upstream,
    backends: Backends,
    log: log::Log,
    faults: faults::Faults,
    rounds: rounds::Rounds,
    stale: stale::Stale,
    /// Whether actions and their groups come in another order than they were written in.
    reordered: AtomicBool,
    /// The most items of a page; AWS's own page sizes where none is given.
    page_size: Mutex<Option<usize>>,
    throttle: Mutex<Option<Arc<Throttle>>>,
    /// ECS throttles registrations always.
    registrations: Registrations,
    kills: Mutex<HashMap<String, Kill>>,
    /// The services that were ever seen, by cluster and name: stacks make and delete them.
    services: Mutex<BTreeSet<(String, String)>>,
    /// When it was looked for them.
    looked: Mutex<Option<Instant>>,
    policies: Mutex<HashMap<String, Vec<Policy>>>,
    /// How long a call takes to arrive, and its answer to come back.
    distance: Mutex<Duration>,
    /// How many connections were opened.
    connections: AtomicUsize,
    /// How many are open.
    open: watch::Sender<usize>,
    /// Changes when every connection is to be closed.
    closing: watch::Sender<u64>,
    /// How many calls are under way.
    under_way: watch::Sender<usize>,
}

impl Gateway {
    /// Starts a gateway on a free port of loopback.
    ///
    /// # Errors
    /// Where no port can be bound.
    pub async fn start(backends: Backends) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let inner = Arc::new(Inner {
            upstream: Upstream::new(backends.api),
            backends,
            log: log::Log::default(),
            faults: faults::Faults::default(),
            rounds: rounds::Rounds::default(),
            stale: stale::Stale::default(),
            reordered: AtomicBool::new(false),
            page_size: Mutex::default(),
            throttle: Mutex::default(),
            registrations: Registrations::default(),
            kills: Mutex::default(),
            services: Mutex::default(),
            looked: Mutex::default(),
            policies: Mutex::default(),
            distance: Mutex::default(),
            connections: AtomicUsize::new(0),
            open: watch::Sender::new(0),
            closing: watch::Sender::new(0),
            under_way: watch::Sender::new(0),
        });
        let shared = Arc::clone(&inner);
        let serving = tokio::spawn(each_connection(listener, move |stream| serve::connection(Arc::clone(&shared), stream)));
        Ok(Self(Arc::new(Running { address, inner, serving })))
    }

    /// What the product gets as `AWS_ENDPOINT_URL`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.0.address)
    }

    /// The gateway behind TLS, for a product process that is to make its handshakes.
    ///
    /// # Errors
    /// Where no port can be bound, or no certificate made.
    pub async fn behind_tls(&self) -> Result<TlsFront> {
        TlsFront::start(self.0.address).await
    }

    /// Closes every connection as soon as nothing is under way on it, as servers do with idle ones; returns when all are closed.
    pub async fn close_connections(&self) {
        let mut open = self.0.inner.open.subscribe();
        self.0.inner.closing.send_modify(|count| *count += 1);
        // The sender lives as long as this.
        let _ = open.wait_for(|open| *open == 0).await;
    }

    /// How many connections were opened, the operator's among them.
    pub fn connections(&self) -> usize {
        self.0.inner.connections.load(Ordering::Relaxed)
    }

    /// Lets every call but the operator's take so long. Opening a connection takes no longer than before.
    pub fn set_distance(&self, distance: Duration) {
        *lock(&self.0.inner.distance) = distance;
    }

    /// The calls since the log was reset, in the order of arrival; the operator's are not among them.
    pub fn calls(&self) -> Vec<Call> {
        self.0.inner.log.calls()
    }

    /// Empties the log: the next call is number 1. Faults and pauses that wait stay.
    pub fn reset_calls(&self) {
        self.0.inner.log.reset();
    }

    /// Empties the log, and expects round trips of so many calls each: no call takes effect before all of its round trip
    /// have come. Callers must be patient: where one call is missing, the others of its round trip are never answered.
    pub fn expect_rounds(&self, sizes: &[usize]) {
        self.0.inner.log.reset();
        self.0.inner.rounds.expect(sizes);
    }

    /// Makes pages smaller than AWS's.
    pub fn set_page_size(&self, size: Option<usize>) {
        *lock(&self.0.inner.page_size) = size;
    }

    /// Answers the actions of rules and listeners, and the groups of an action, in another order than they were written in, as
    /// ELB does at times. The operator reads them as they were written.
    pub fn set_reordered(&self, on: bool) {
        self.0.inner.reordered.store(on, Ordering::Relaxed);
    }

    /// Turns ELB's throttling on, with full buckets, or off.
    pub fn set_throttling(&self, on: bool) {
        *lock(&self.0.inner.throttle) = on.then(|| Arc::new(Throttle::full()));
    }

    /// Turns ELB's throttling on, with buckets that somebody else empties just before the first call of each: it is refused.
    pub fn set_throttling_emptied(&self) {
        *lock(&self.0.inner.throttle) = Some(Arc::new(Throttle::emptied()));
    }

    /// Makes reads come late from now on, or no more: writes before are seen as they are. The operator always reads what is there.
    pub fn set_stale_reads(&self, setting: Option<StaleReads>) {
        self.0.inner.stale.set(setting);
    }

    /// Holds every call of a role against these policies from now on. A role that was never given any may do everything.
    pub fn set_policies(&self, role: &str, policies: Vec<Policy>) {
        lock(&self.0.inner.policies).insert(role.to_owned(), policies);
    }

    /// Makes a fault wait for its call.
    pub fn inject(&self, fault: Fault) {
        self.0.inner.faults.inject(fault);
    }

    /// Ends every fault, those that still wait too.
    pub fn clear_faults(&self) {
        self.0.inner.faults.clear();
    }

    /// Whether every fault injected since the last clearing has struck.
    pub fn fault_hit(&self) -> bool {
        self.0.inner.faults.all_hit()
    }

    /// Ends the faults that last for an invocation and have struck. The Lambda runtime says so after each.
    pub fn invocation_ended(&self) {
        self.0.inner.faults.invocation_ended();
    }

    /// Holds a call before it takes effect, until the pause is released or dropped.
    pub fn pause_at(&self, at: At) -> Pause {
        self.0.inner.faults.pause_at(at)
    }

    /// Waits until no call is under way: one that has begun takes its effect, even where its caller is gone.
    pub async fn idle(&self) {
        // The sender is held here: waiting cannot fail.
        let _ = self.0.inner.under_way.subscribe().wait_for(|calls| *calls == 0).await;
    }

    /// Says how the process of a principal (`role/session`) is killed.
    pub fn on_kill(&self, principal: &str, kill: impl Fn() + Send + Sync + 'static) {
        lock(&self.0.inner.kills).insert(principal.to_owned(), Arc::new(kill));
    }
}
