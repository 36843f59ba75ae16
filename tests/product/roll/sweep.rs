//! Every fault at every call of a deploy, then the same command again: the end is new or old, and the exit code says which.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use local_aws::gateway::{At, Fault, FaultKind};
use tokio::sync::Mutex;

use super::Stage;
use super::stage::{Made, Run};

/// How many stages are played on at once, and how many builds one stage sees: every task that has stopped makes each look slower.
const AT_ONCE: usize = 4;
const BUILDS: usize = 12;
/// Faults that a call may meet on every run of the tests; the others are for the long one.
const USUAL: [FaultKind; 6] = [
    FaultKind::KillBefore,
    FaultKind::KillAfter,
    FaultKind::CutAnswer,
    FaultKind::ResetAfter,
    FaultKind::Throttled,
    FaultKind::AccessDenied,
];
/// What a bad build adds: how it is looked at and undone.
const UNDOING: [&str; 4] = ["DescribeServiceDeployments", "DescribeTasks", "StopServiceDeployment", "UpdateService"];

fn is_long() -> bool {
    std::env::var_os("LONG").is_some()
}

/// Calls that come again and again while a service rolls: how many of each are broken, later ones are like them.
fn most() -> usize {
    if is_long() { 3 } else { 1 }
}

/// How long a service may take to settle, and how often it is looked at.
const WAIT: Duration = Duration::from_secs(60);
const SOON: Duration = Duration::from_millis(20);

/// What is deployed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Build {
    Good,
    Bad,
}

/// A stage, and the number of its last build that runs.
struct Round {
    stage: Stage,
    runs: usize,
    next: usize,
}

impl Round {
    async fn new() -> Self {
        Self { stage: Stage::with(Made { desired: 1, breaker: false, behind: false }).await, runs: 1, next: 2 }
    }

    async fn push(&mut self, build: Build) -> String {
        let tag = format!("v{}", self.next);
        match build {
            Build::Good => self.stage.push(&tag).await,
            Build::Bad => self.stage.push_running(&tag, "exit 3").await,
        };
        self.next += 1;
        tag
    }

    /// The tag of the image that the service runs, once its last tasks of another deployment are gone: ECS calls a deployment
    /// ended while they still stop.
    async fn running(&self) -> String {
        let settled = async {
            loop {
                let seen = self.stage.seen().await;
                if seen.deployments().len() == 1 && seen.running_count() == seen.desired_count() {
                    return;
                }
                tokio::time::sleep(SOON).await;
            }
        };
        tokio::time::timeout(WAIT, settled).await.unwrap();
        let definition = self.stage.described(&self.stage.revision().await).await;
        let image = definition["taskDefinition"]["containerDefinitions"][0]["image"].as_str().unwrap().to_owned();
        let mut tags = definition["tags"].as_array().into_iter().flatten();
        let tag = tags.find(|tag| tag["key"] == "bluegreen:tag.web").and_then(|tag| tag["value"].as_str());
        tag.or_else(|| image.rsplit(':').next()).unwrap_or_default().to_owned()
    }

    /// One deploy that meets a fault, then the same again: what is wrong, if anything is.
    async fn broken(&mut self, build: Build, fault: &Fault) -> Vec<String> {
        let (old, new) = (format!("v{}", self.runs), self.push(build).await);
        self.stage.world.gateway.reset_calls();
        self.stage.world.gateway.inject(fault.clone());
        let first = self.stage.deploy(&new).await;
        self.stage.world.gateway.idle().await;
        let mut wrong = Vec::new();
        // How often a call that is made again and again comes is not the same in every run.
        let first_of_its_kind = matches!(fault.at, At::Action(_, 1));
        if first_of_its_kind && !self.stage.world.gateway.fault_hit() {
            wrong.push("it never struck".to_owned());
        }
        self.stage.world.gateway.clear_faults();
        let expected = |run: &Run| match run.code {
            0 => Some(new.clone()),
            6 => Some(old.clone()),
            _ => None,
        };
        if let Some(expected) = expected(&first) {
            let running = self.running().await;
            if running != expected {
                wrong.push(format!("first ended {}, and runs {running:?}", first.code));
            }
        }
        let again = self.stage.deploy(&new).await;
        let right = if build == Build::Good { 0 } else { 6 };
        let running = self.running().await;
        if again.code != right || Some(&running) != expected(&again).as_ref() {
            wrong.push(format!("first {first:#?}, again {again:#?}, runs {running}"));
        }
        if again.code == 0 {
            self.runs = self.next - 1;
        }
        wrong.iter().map(|what| format!("{build:?} {fault:?}: {what}")).collect()
    }
}

/// Every call of a deploy of such a build: its action, and which call of it.
async fn calls(build: Build) -> Vec<At> {
    let mut round = Round::new().await;
    let tag = round.push(build).await;
    round.stage.world.gateway.reset_calls();
    round.stage.deploy(&tag).await;
    let calls = round.stage.world.gateway.calls();
    let seen: BTreeSet<(String, usize)> = calls.into_iter().map(|call| (call.action, call.of_action)).collect();
    seen.into_iter().filter(|(_, number)| *number <= most()).map(|(action, number)| At::Action(action, number)).collect()
}

async fn sweep(build: Build, kinds: &[FaultKind]) {
    let mut places = calls(build).await;
    if build == Build::Bad && !is_long() {
        places.retain(|at| matches!(at, At::Action(action, _) if UNDOING.contains(&action.as_str())));
    }
    let faults: Vec<Fault> = places.iter().flat_map(|at| kinds.iter().map(|kind| Fault::once(at.clone(), *kind))).collect();
    let number = faults.len();
    let faults = Arc::new(Mutex::new(faults));
    let rounds = (0..AT_ONCE).map(|_| {
        let faults = Arc::clone(&faults);
        tokio::spawn(async move {
            let (mut round, mut wrong) = (Round::new().await, Vec::new());
            loop {
                let Some(fault) = faults.lock().await.pop() else { return wrong };
                if round.next > BUILDS {
                    round = Round::new().await;
                }
                let began = std::time::Instant::now();
                let found = round.broken(build, &fault).await;
                println!("{:>5.1} s {fault:?}", began.elapsed().as_secs_f32());
                if !found.is_empty() {
                    // What is broken must not break what comes after it.
                    round = Round::new().await;
                }
                wrong.extend(found);
            }
        })
    });
    let mut wrong: Vec<String> = Vec::new();
    for round in rounds.collect::<Vec<_>>() {
        wrong.extend(round.await.unwrap());
    }
    println!("{build:?}: {} places, {number} runs", places.len());
    assert!(wrong.is_empty(), "{} of {number} ended wrong:\n{}", wrong.len(), wrong.join("\n"));
}

fn kinds() -> Vec<FaultKind> {
    if is_long() { FaultKind::ALL.to_vec() } else { USUAL.to_vec() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_build_is_deployed_whatever_call_was_broken() {
    sweep(Build::Good, &kinds()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_build_is_undone_whatever_call_was_broken() {
    sweep(Build::Bad, &kinds()).await;
}
