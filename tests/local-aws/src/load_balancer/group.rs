//! A target group while it is played: its targets, what is known of their health, and whose turn it is.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use aws_sdk_elasticloadbalancingv2::types;
use tokio_util::task::AbortOnDropHandle;

use super::{
    TargetState,
    health::{Health, State},
    probe::{self, Check},
};

/// What the API says about a group.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Settings {
    pub check: Check,
    /// How long a deregistered target is told as draining.
    pub deregistration_delay: Duration,
    /// How long a client stays with a target, where the group's targets are sticky.
    pub sticky_targets: Option<Duration>,
}

impl Settings {
    /// Reads a group; durations are divided by `speed_up`, but for that of cookies, which clients keep time of.
    pub fn read(group: &types::TargetGroup, attributes: Option<&HashMap<String, String>>, speed_up: u32) -> Self {
        let attribute = |key: &str| attributes.and_then(|a| a.get(key)).map(String::as_str);
        let seconds = |key: &str, default| Duration::from_secs(attribute(key).and_then(|v| v.parse().ok()).unwrap_or(default));
        let sticky = attribute("stickiness.enabled") == Some("true");
        Self {
            check: Check::read(group, speed_up),
            // 300 seconds and one day are the API's defaults.
            deregistration_delay: seconds("deregistration_delay.timeout_seconds", 300) / speed_up,
            sticky_targets: sticky.then(|| seconds("stickiness.lb_cookie.duration_seconds", 86_400)),
        }
    }
}

/// One target, from its registration (or its group's attachment) on: a target that comes back is a new one.
pub(super) struct Target {
    pub id: String,
    pub port: u16,
    /// Where it is reached; nothing for an `Id` that is no loopback address, since nothing here may leave the machine.
    pub address: Option<SocketAddr>,
    health: Arc<Mutex<Health>>,
    /// Ends with the target.
    _probe: Option<AbortOnDropHandle<()>>,
}

impl Target {
    fn new(id: &str, port: u16, health: Health, check: &Check, prober: &probe::Prober) -> Self {
        let address = id.parse().ok().filter(IpAddr::is_loopback).map(|ip| SocketAddr::new(ip, port));
        let probed = health.state().is_probed();
        let health = Arc::new(Mutex::new(health));
        let probe = probed.then(|| prober.start(check.clone(), address, Arc::clone(&health)));
        Self { id: id.to_owned(), port, address, health, _probe: probe }
    }

    fn state(&self) -> State {
        lock(&self.health).state()
    }

    /// Cookies name a target by this.
    pub fn name(&self) -> String {
        format!("{}:{}", self.id, self.port)
    }
}

/// A group and its targets as one table has them: a reload makes the next one, so that a request that began with this table
/// also ends with its targets.
pub(super) struct Group {
    arn: String,
    settings: Settings,
    attached: bool,
    targets: Vec<Arc<Target>>,
    turn: AtomicUsize,
}

/// Which target a request goes to, or why to none.
pub(super) enum Choice {
    /// This one, which is sticky for the duration where one is given.
    Target(Arc<Target>, Option<Duration>),
    /// No target takes traffic: none is registered, or none has been probed yet.
    NoTarget,
}

impl Group {
    /// The group as the API has it now, after what is known of it from `before`. A group that comes into use knows nothing of
    /// its targets: they are initial. One that goes out of use stops probing. One whose health check changed goes on from
    /// what it knows.
    pub fn new(
        before: Option<&Self>,
        arn: &str,
        settings: Settings,
        attached: bool,
        registered: &[(String, u16)],
        prober: &probe::Prober,
    ) -> Self {
        let known = before.filter(|b| b.attached == attached).map_or(&[][..], |b| &b.targets);
        let changed = before.is_some_and(|b| b.settings.check != settings.check);
        let state = if attached { State::Initial } else { State::Unused };
        let make = |id: &str, port, health| Arc::new(Target::new(id, port, health, &settings.check, prober));
        let mut targets = Vec::new();
        for (id, port) in registered {
            targets.push(match known.iter().find(|t| t.id == *id && t.port == *port && !t.state().is_draining()) {
                Some(target) if changed => make(id, *port, lock(&target.health).clone()),
                Some(target) => Arc::clone(target),
                None => make(id, *port, Health::new(state)),
            });
        }
        // What is not registered any more drains, if it was in use at all.
        let now = Instant::now();
        for old in known.iter().filter(|_| attached) {
            if targets.iter().any(|t| t.id == old.id && t.port == old.port) {
                continue;
            }
            match old.state() {
                State::Draining { until } if until <= now => {}
                State::Draining { .. } => targets.push(Arc::clone(old)),
                _ => targets.push(make(
                    &old.id,
                    old.port,
                    Health::new(State::Draining { until: now + settings.deregistration_delay }),
                )),
            }
        }
        Self { arn: arn.to_owned(), settings, attached, targets, turn: AtomicUsize::new(0) }
    }

    /// The target whose turn it is among the healthy ones, or the one that `preferred` says if that is healthy.
    ///
    /// Where every target was probed and none is healthy, the load balancer fails open: all of them take traffic (ELB, target
    /// group health). Where some are still initial, nothing does.
    pub fn choose(&self, preferred: impl Fn(&Target) -> bool) -> Choice {
        let states: Vec<_> = self.targets.iter().map(|t| (t, t.state())).filter(|(_, s)| !s.is_draining()).collect();
        let mut candidates: Vec<_> = states.iter().filter(|(t, _)| lock(&t.health).takes_traffic()).map(|(t, _)| *t).collect();
        if states.iter().all(|(_, s)| *s == State::Unhealthy) {
            candidates = states.iter().map(|(t, _)| *t).collect();
        }
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let sticky = candidates.iter().find(|t| self.settings.sticky_targets.is_some() && preferred(t)).copied();
        match sticky.or_else(|| candidates.get(turn.checked_rem(candidates.len())?).copied()) {
            Some(target) => Choice::Target(Arc::clone(target), self.settings.sticky_targets),
            None => Choice::NoTarget,
        }
    }

    /// Cookies name a group by this: the tail of its ARN, `name/hash`.
    pub fn name(&self) -> &str {
        self.arn.split_once("targetgroup/").map_or(self.arn.as_str(), |(_, name)| name)
    }

    /// Begins or ends a zonal shift for a target.
    pub fn shift(&self, target: SocketAddr, away: bool) {
        for target in self.targets.iter().filter(|known| known.address == Some(target)) {
            lock(&target.health).shift(away);
        }
    }

    /// Every target in the API's words. Without health checks the health of a target in use is not available.
    pub fn health(&self) -> Vec<TargetState> {
        let now = Instant::now();
        let tell = |target: &Arc<Target>| {
            let health = lock(&target.health);
            let gone = matches!(health.state(), State::Draining { until } if until <= now);
            let mut told = (!gone).then(|| health.tell(&target.id, target.port))?;
            if health.state().is_probed() && !self.settings.check.enabled {
                told.state = "unavailable".to_owned();
                told.reason = Some("Target.HealthCheckDisabled".to_owned());
                told.description = Some("Health checks are not enabled for this target".to_owned());
            }
            Some(told)
        };
        self.targets.iter().filter_map(tell).collect()
    }
}

/// A panic while a lock was held leaves at worst one state behind that the next probe fixes.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
