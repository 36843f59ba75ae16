//! The deployer against a roll-back: whatever the order of their calls, what goes live is never what is being rebuilt.
//!
//! What is enumerated: one begins and stops at its i-th call; the other runs until its j-th; the first runs to its end;
//! then the other does. For every i and j, and with either as the first: one switch each, not every merge of the two.
//!
//! The deployer waits longer between its fence and its second look than any plan of a flip lives. Here it does not wait;
//! the gateway holds its second look until the roll-back's process, where it has begun, has ended with its plan. A call
//! that the process had under way takes its effect before that look.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use local_aws::gateway::{At, Call, Gateway, Pause};
use local_aws::jobs::JobState;
use local_aws::lambda::Lambda;
use local_aws::world::{DEPLOYER_ROLE, LAMBDA_ROLE};
use serde_json::json;
use tokio::sync::Mutex;

use crate::arena::{Arena, Balancer};
use crate::deployer::{Build, PATIENT};
use crate::outcome::Answer;

const WORLDS: usize = 4;

/// Who begins.
#[derive(Clone, Copy, Debug)]
enum First {
    Deployer,
    Flip,
}

/// Who begins, and at which call each stops.
#[derive(Clone, Copy, Debug)]
struct Order {
    first: First,
    deployer: usize,
    flip: usize,
}

/// What the two call where each is alone.
struct Clean {
    deployer: usize,
    /// The deployer's first call of its second look.
    look: usize,
    flip: usize,
}

impl Clean {
    async fn of(arena: &mut Arena) -> Self {
        arena.reset().await;
        assert!(Build::new("v3").run(arena, "build-1", PATIENT).await.status.success());
        let deployer = arena.world.gateway.calls();
        let fence = deployer.iter().position(|call| call.action == "AddTags").unwrap();
        arena.reset().await;
        let (_, event) = roll_back(arena);
        arena.lambda.deliver(event.as_bytes()).await.unwrap();
        let of_flip = |call: &&Call| call.caller.role == LAMBDA_ROLE;
        let flip = arena.world.gateway.calls().iter().filter(of_flip).count();
        Self { deployer: deployer.len(), look: fence + 2, flip }
    }

    fn orders(&self) -> Vec<Order> {
        let stops = (1..=self.deployer).flat_map(|deployer| (1..=self.flip).map(move |flip| (deployer, flip)));
        let both = |(deployer, flip)| [First::Deployer, First::Flip].map(|first| Order { first, deployer, flip });
        stops.flat_map(both).collect()
    }
}

/// A job that makes what is on the test port live, and its event.
fn roll_back(arena: &Arena) -> (String, String) {
    let parameters = json!({ "ElbName": "shop", "PromoteTo": "Code2", "Execution": "roll-back" });
    let job = arena.world.jobs.create_job(&parameters.to_string());
    let event = arena.world.jobs.event(&job).to_string();
    (job, event)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_roll_back_and_a_deployer_at_once_never_make_live_what_is_being_rebuilt() {
    let worlds = futures::stream::iter(0..WORLDS).map(|_| Arena::new(Balancer::OnePair)).buffered(WORLDS);
    let mut worlds: Vec<Arena> = worlds.collect().await;
    let clean = Clean::of(&mut worlds[0]).await;
    let orders = clean.orders();
    println!("{} orders of {} calls and {} calls", orders.len(), clean.deployer, clean.flip);
    let (orders, look) = (Arc::new(Mutex::new(orders)), clean.look);
    let runs = worlds.into_iter().map(|mut arena| {
        let orders = Arc::clone(&orders);
        tokio::spawn(async move {
            let (mut wrong, mut ends) = (Vec::new(), [0; 4]);
            loop {
                let Some(order) = orders.lock().await.pop() else { return (wrong, ends) };
                let (built, flipped, fault) = run(&mut arena, order, look).await;
                ends[usize::from(built) * 2 + usize::from(flipped)] += 1;
                wrong.extend(fault.map(|what| format!("{order:?}: {what}")));
            }
        })
    });
    let (mut wrong, mut ends): (Vec<String>, [usize; 4]) = Default::default();
    for run in runs.collect::<Vec<_>>() {
        let (faults, part) = run.await.unwrap();
        wrong.extend(faults);
        (0..4).for_each(|end| ends[end] += part[end]);
    }
    println!("neither {}, rolled back {}, built {}, both one after the other {}", ends[0], ends[1], ends[2], ends[3]);
    assert!(wrong.is_empty(), "{} ended wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(ends[1] > 0 && ends[2] > 0, "each of the two must win somewhere: {ends:?}");
}

/// Somebody who runs until it is stopped, or to its end.
struct Runner<F: Future> {
    running: Pin<Box<F>>,
    begun: bool,
    ended: Option<F::Output>,
}

impl<F: Future> Runner<F> {
    fn new(running: F) -> Self {
        Self { running: Box::pin(running), begun: false, ended: None }
    }

    /// Runs until something else has happened, or to the end.
    async fn until(&mut self, stopped: impl Future<Output = ()>) {
        self.begun = true;
        if self.ended.is_none() {
            tokio::select! {
                output = &mut self.running => self.ended = Some(output),
                () = stopped => {}
            }
        }
    }

    async fn finish(&mut self) {
        self.until(std::future::pending()).await;
    }
}

/// Both at once, each with the call that it is stopped at.
struct Round<D: Future, F: Future> {
    deployer: Runner<D>,
    flip: Runner<F>,
    /// Holds the deployer's second look, unless the deployer is to stop there anyway.
    look: Option<Pause>,
    flip_stops: Option<Pause>,
    lambda: Lambda,
    gateway: Gateway,
}

impl<D: Future, F: Future> Round<D, F> {
    /// The deployer runs on; no plan outlives its wait before the second look.
    async fn deploy(&mut self, stopped: impl Future<Output = ()>) {
        tokio::pin!(stopped);
        if let Some(look) = self.look.take() {
            let mut reached = false;
            let first = async {
                tokio::select! {
                    () = look.reached() => reached = true,
                    () = &mut stopped => {}
                }
            };
            self.deployer.until(first).await;
            if !reached {
                self.look = Some(look);
                return;
            }
            self.end_plan().await;
        }
        self.deployer.until(stopped).await;
    }

    /// The roll-back's process ends, where it has begun, and its plan with it; not so the calls that it has under way.
    async fn end_plan(&mut self) {
        if !self.flip.begun || self.flip.ended.is_some() {
            return;
        }
        self.lambda.kill();
        self.flip.finish().await;
        self.flip_stops = None;
        let under_way = |call: &Call| call.caller.role == LAMBDA_ROLE && call.answered.is_none();
        while self.gateway.calls().iter().any(under_way) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// Whether the build was written, whether the traffic was flipped, and what is wrong.
async fn run(arena: &mut Arena, order: Order, look: usize) -> (bool, bool, Option<String>) {
    arena.reset().await;
    let gateway = arena.world.gateway.clone();
    let build = Build::new("v3");
    let (job, event) = roll_back(arena);
    let deployer_stops = gateway.pause_at(At::Role(DEPLOYER_ROLE.to_owned(), order.deployer));
    let mut round = Round {
        deployer: Runner::new(build.run(arena, "build-1", PATIENT)),
        flip: Runner::new(arena.lambda.deliver_once("roll-back", event.as_bytes())),
        look: (order.deployer != look).then(|| gateway.pause_at(At::Role(DEPLOYER_ROLE.to_owned(), look))),
        flip_stops: Some(gateway.pause_at(At::Role(LAMBDA_ROLE.to_owned(), order.flip))),
        lambda: arena.lambda.clone(),
        gateway: gateway.clone(),
    };
    match order.first {
        First::Deployer => {
            round.deploy(deployer_stops.reached()).await;
            let flip_stops = round.flip_stops.take().unwrap();
            round.flip.until(flip_stops.reached()).await;
            round.flip_stops = Some(flip_stops);
            if order.deployer == look {
                round.end_plan().await;
            }
            deployer_stops.release();
            round.deploy(std::future::pending()).await;
            round.flip_stops = None;
            round.flip.finish().await;
        }
        First::Flip => {
            let flip_stops = round.flip_stops.take().unwrap();
            round.flip.until(flip_stops.reached()).await;
            round.flip_stops = Some(flip_stops);
            round.deploy(deployer_stops.reached()).await;
            round.flip_stops = None;
            round.flip.finish().await;
            deployer_stops.release();
            round.deploy(std::future::pending()).await;
        }
    }
    let deployed = round.deployer.ended.take().unwrap();
    drop(round);
    gateway.idle().await;
    // Lambda delivers again what ended with an error.
    if arena.world.jobs.state(&job) == Some(JobState::InProgress) {
        arena.lambda.deliver(event.as_bytes()).await.unwrap();
    }
    let answer = Answer::of_job(&arena.world.jobs.state(&job).unwrap());
    let built = deployed.status.success();
    let live = arena.live().await;
    let rebuilt = build.codes().map(|(code1, _)| if code1 == "v3" { "a-code1" } else { "a-code2" });
    let fault = match (&live, rebuilt) {
        (None, _) => Some("the rules are split".to_owned()),
        (Some(live), Some(rebuilt)) if live == rebuilt => {
            Some(format!("{rebuilt} is being rebuilt and live; the roll-back: {answer:?}"))
        }
        _ if built != rebuilt.is_some() => Some(format!("{:?}, but the file is {}", deployed.status, build.text())),
        _ if (answer == Answer::Succeeded) != (live.as_deref() == Some("a-code2")) => {
            Some(format!("{answer:?}, but {live:?} is live"))
        }
        _ => None,
    };
    (built, live.as_deref() == Some("a-code2"), fault)
}
