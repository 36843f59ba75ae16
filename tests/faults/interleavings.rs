//! The deployer against a roll-back: whatever the order of their calls, what goes live is never what is being rebuilt.
//!
//! The deployer stops at its i-th call while the roll-back runs until its j-th, then the deployer runs to its end, then
//! the roll-back: for every i and j. Likewise the other way round.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use local_aws::gateway::At;
use serde_json::json;
use tokio::sync::Mutex;

use crate::arena::{Arena, Balancer};
use crate::deployer::Build;
use crate::outcome::Answer;

/// Each waits for the deployer's second look most of the time.
const WORLDS: usize = 12;
/// The function's whole time, in milliseconds: no plan of its lives longer than the deployer waits.
const FUNCTION: u64 = 1400;
const SETTLE: &str = "2";
const DEPLOYER: usize = 11;
const FLIP: usize = 20;

#[derive(Clone, Copy, Debug)]
enum Order {
    /// The deployer begins.
    DeployerFirst(usize, usize),
    /// The roll-back begins.
    FlipFirst(usize, usize),
}

#[tokio::test(flavor = "multi_thread")]
async fn a_roll_back_and_a_deployer_at_once_never_make_live_what_is_being_rebuilt() {
    let mut orders = Vec::new();
    let every = if std::env::var_os("LONG").is_some() { 1 } else { 3 };
    for deployer in 1..=DEPLOYER {
        for flip in (1..=FLIP).step_by(every) {
            orders.extend([Order::DeployerFirst(deployer, flip), Order::FlipFirst(deployer, flip)]);
        }
    }
    println!("{} orders", orders.len());
    let orders = Arc::new(Mutex::new(orders));
    let worlds = futures::stream::iter(0..WORLDS).map(|_| Arena::new(Balancer::OnePair)).buffered(WORLDS);
    let worlds: Vec<Arena> = worlds.collect().await;
    let runs = worlds.into_iter().map(|mut arena| {
        let orders = Arc::clone(&orders);
        tokio::spawn(async move {
            let (mut wrong, mut ends) = (Vec::new(), [0; 4]);
            loop {
                let Some(order) = orders.lock().await.pop() else { return (wrong, ends) };
                let (built, flipped, fault) = run(&mut arena, order).await;
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

/// Whether the build was written, whether the traffic was flipped, and what is wrong.
async fn run(arena: &mut Arena, order: Order) -> (bool, bool, Option<String>) {
    arena.reset().await;
    let gateway = &arena.world.gateway;
    let build = Build::new("v3");
    let lambda = arena.world.lambda_with(Duration::from_millis(FUNCTION), [("CALL_TIMEOUT_MS", "5000")]).unwrap();
    let parameters = json!({ "ElbName": "shop", "PromoteTo": "Code2", "Execution": "roll-back" });
    let job = arena.world.jobs.create_job(&parameters.to_string());
    let event = arena.world.jobs.event(&job).to_string();
    let (Order::DeployerFirst(i, j) | Order::FlipFirst(i, j)) = order;
    let deployer_stops = gateway.pause_at(At::Role("deployer".to_owned(), i));
    let flip_stops = gateway.pause_at(At::Role("blue-green-flip".to_owned(), j));
    let deploying = build.run(arena, "build-1", SETTLE, "30");
    let flipping = lambda.deliver_once("roll-back", event.as_bytes());
    tokio::pin!(deploying, flipping);
    let (mut deployed, mut flipped) = (None, None);
    // Each runs until it stops at its call, or to its end where it makes fewer.
    macro_rules! until {
        ($stopped:expr, $running:expr, $ended:ident) => {
            if $ended.is_none() {
                tokio::select! {
                    () = $stopped.reached() => {}
                    output = &mut $running => $ended = Some(output),
                }
            }
        };
    }
    match order {
        Order::DeployerFirst(..) => {
            until!(deployer_stops, deploying, deployed);
            until!(flip_stops, flipping, flipped);
            deployer_stops.release();
            if deployed.is_none() {
                // The roll-back hangs meanwhile: only its own deadline ends its plan.
                let (output, ended) = futures::join!(&mut deploying, async {
                    if flipped.is_none() { Some((&mut flipping).await) } else { flipped.take() }
                });
                (deployed, flipped) = (Some(output), ended);
            }
            flip_stops.release();
        }
        Order::FlipFirst(..) => {
            until!(flip_stops, flipping, flipped);
            until!(deployer_stops, deploying, deployed);
            flip_stops.release();
            if flipped.is_none() {
                flipped = Some((&mut flipping).await);
            }
            deployer_stops.release();
        }
    }
    let deployed = match deployed {
        Some(output) => output,
        None => deploying.await,
    };
    let first = match flipped {
        Some(invocation) => invocation.unwrap(),
        None => flipping.await.unwrap(),
    };
    // Lambda delivers again what ended with an error.
    drop(first);
    if arena.world.jobs.state(&job) == Some(local_aws::jobs::JobState::InProgress) {
        lambda.deliver(event.as_bytes()).await.unwrap();
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
