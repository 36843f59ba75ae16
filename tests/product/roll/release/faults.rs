//! Faults at the calls of a release, then the same command again: all new or all old, and the exit code says which. Sixty drawn ones;
//! with `LONG=1` all of them.

use std::collections::BTreeSet;

use local_aws::gateway::{At, Fault, FaultKind};
use tokio::sync::Mutex;

use super::Bundle;
use super::bundle::SERVICES;
use crate::roll::stage::Run;

/// How many bundles are played on at once, and how many releases one bundle sees: what has stopped makes looks slow.
const AT_ONCE: usize = 3;
const RELEASES: usize = 10;
const DRAWN: usize = 60;
/// The faults that are drawn; with `LONG=1` all there are.
const USUAL: [FaultKind; 6] = [
    FaultKind::KillBefore,
    FaultKind::KillAfter,
    FaultKind::CutAnswer,
    FaultKind::ResetAfter,
    FaultKind::Throttled,
    FaultKind::AccessDenied,
];

fn is_long() -> bool {
    std::env::var_os("LONG").is_some()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Build {
    Good,
    Bad,
}

/// What goes wrong in one round.
#[derive(Clone, Debug)]
enum Wrong {
    Call(Fault),
    /// A healthy task of the release crashes while its last service still rolls.
    Crash(&'static str),
}

/// A bundle and the number of its last release.
struct Round {
    bundle: Bundle,
    runs: usize,
    next: usize,
}

impl Round {
    async fn new() -> Self {
        Self { bundle: Bundle::new().await, runs: 1, next: 2 }
    }

    /// One release that meets a fault, then the same again: what is not as it should be.
    async fn broken(&mut self, build: Build, wrong: &Wrong) -> Vec<String> {
        let (old, new, id) = (format!("v{}", self.runs), format!("v{}", self.next), format!("r{}", self.next));
        let bundle = &self.bundle;
        bundle.push(&new).await;
        if build == Build::Bad {
            bundle.push_bad(&format!("{new}-ingester")).await;
        }
        bundle.stage.world.gateway.reset_calls();
        let first = match wrong {
            Wrong::Call(fault) => {
                bundle.stage.world.gateway.inject(fault.clone());
                bundle.release(&id, &new, &[]).await
            }
            Wrong::Crash(service) => {
                let crash = async {
                    bundle.stage.until(async || bundle.stage.calls("UpdateService") >= SERVICES.len()).await;
                    bundle.stage.world.ecs_runner.crash("main", service);
                };
                tokio::join!(bundle.release(&id, &new, &[]), crash).0
            }
        };
        bundle.stage.world.gateway.idle().await;
        bundle.stage.world.gateway.clear_faults();
        let mut found = Vec::new();
        let expected = |run: &Run| match run.code {
            0 => Some(new.clone()),
            6 => Some(old.clone()),
            _ => None,
        };
        if let Some(expected) = expected(&first) {
            let versions = bundle.versions().await;
            if versions != expected {
                found.push(format!("first ended {}, and runs {versions}", first.code));
            }
        }
        let again = bundle.release(&id, &new, &[]).await;
        let versions = bundle.versions().await;
        let right = if build == Build::Good { [0, 0] } else { [6, 6] };
        if !right.contains(&again.code) || Some(&versions) != expected(&again).as_ref() {
            found.push(format!("first {first:#?}, again {again:#?}, runs {versions}"));
        }
        if again.code == 0 {
            self.runs = self.next;
        }
        self.next += 1;
        found.iter().map(|what| format!("{build:?} {wrong:?}: {what}")).collect()
    }
}

/// Every call of a release of such a build: its action, and which call of it.
async fn calls(build: Build) -> Vec<At> {
    let bundle = Bundle::new().await;
    bundle.push("v2").await;
    if build == Build::Bad {
        bundle.push_bad("v2-ingester").await;
    }
    bundle.stage.world.gateway.reset_calls();
    bundle.release("1", "v2", &[]).await;
    let most = |action: &str| if action.contains("Describe") || action.contains("List") { 2 } else { 8 };
    let calls = bundle.stage.world.gateway.calls();
    let seen: BTreeSet<(String, usize)> = calls.into_iter().map(|call| (call.action, call.of_action)).collect();
    let places = seen.into_iter().filter(|(action, number)| *number <= most(action));
    places.map(|(action, number)| At::Action(action, number)).collect()
}

/// What goes wrong, one after the other.
async fn all() -> Vec<(Build, Wrong)> {
    let kinds: &[FaultKind] = if is_long() { &FaultKind::ALL } else { &USUAL };
    let mut all = Vec::new();
    for build in [Build::Good, Build::Bad] {
        for at in calls(build).await {
            all.extend(kinds.iter().map(|kind| (build, Wrong::Call(Fault::once(at.clone(), *kind)))));
        }
        all.extend(SERVICES.map(|service| (build, Wrong::Crash(service))));
    }
    all
}

/// Some of them, drawn with a fixed seed: the same ones in every run, of every kind.
fn drawn(mut all: Vec<(Build, Wrong)>, number: usize) -> Vec<(Build, Wrong)> {
    let mut seed: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut found = Vec::new();
    while found.len() < number && !all.is_empty() {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        found.push(all.swap_remove(usize::try_from(seed >> 33).unwrap() % all.len()));
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn all_is_new_or_all_is_old_whatever_went_wrong() {
    let all = all().await;
    let places = all.len();
    let faults = if is_long() { all } else { drawn(all, DRAWN) };
    let number = faults.len();
    let faults = Mutex::new(faults);
    let rounds = (0..AT_ONCE).map(async |_| {
        let (mut round, mut wrong) = (Round::new().await, Vec::new());
        loop {
            let Some((build, fault)) = faults.lock().await.pop() else { return wrong };
            if round.next > RELEASES {
                round = Round::new().await;
            }
            let began = std::time::Instant::now();
            let found = round.broken(build, &fault).await;
            println!("{:>5.1} s {build:?} {fault:?}", began.elapsed().as_secs_f32());
            if !found.is_empty() {
                // What is broken must not break what comes after it.
                round = Round::new().await;
            }
            wrong.extend(found);
        }
    });
    let wrong: Vec<String> = futures::future::join_all(rounds).await.concat();
    println!("{number} of {places} faults");
    assert!(wrong.is_empty(), "{} of {number} ended wrong:\n{}", wrong.len(), wrong.join("\n"));
}
