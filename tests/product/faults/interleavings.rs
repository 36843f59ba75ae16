//! The deployer against a roll-back: whatever the order of their calls, what goes live is never what is being rebuilt.
//!
//! Every call of which the place matters is held at the gateway until its turn has come, in every order that can make a
//! difference ([`crate::faults::orders`]); the others go on as they come.
//!
//! The deployer waits longer between its fence and its second look than any plan of a flip lives. Here it does not wait;
//! the roll-back's process is killed before that look instead, where it has not ended.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use local_aws::gateway::{At, Fault, FaultKind, Gateway, Lasts, Pause};
use local_aws::jobs::JobState;
use local_aws::world::{DEPLOYER_ROLE, LAMBDA_ROLE};
use serde_json::json;
use tokio::sync::{Mutex, watch};

use crate::faults::arena::{Arena, Balancer};
use crate::faults::deployer::{Build, PATIENT};
use crate::faults::orders::{Event, orders};
use crate::faults::outcome::Answer;

const WORLDS: usize = 4;
/// How often one looks whether something has happened.
const SOON: Duration = Duration::from_micros(500);

#[tokio::test(flavor = "multi_thread")]
async fn a_roll_back_beside_a_deployer_never_promotes_what_is_rebuilt() {
    let worlds = futures::stream::iter(0..WORLDS).map(|_| Arena::new(Balancer::OnePair)).buffered(WORLDS);
    let mut worlds: Vec<Arena> = worlds.collect().await;
    let look = second_look(&mut worlds[0]).await;
    let orders = orders();
    println!("{} orders", orders.len());
    let orders = Arc::new(Mutex::new(orders));
    let runs = worlds.into_iter().map(|mut arena| {
        let orders = Arc::clone(&orders);
        tokio::spawn(async move {
            let (mut wrong, mut ends) = (Vec::new(), [0; 4]);
            loop {
                let Some(order) = orders.lock().await.pop() else { return (wrong, ends) };
                let (built, flipped, fault) = run(&mut arena, &order, look).await;
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

/// The number of the deployer's first call of its second look: the one after that which sets the fence.
async fn second_look(arena: &mut Arena) -> usize {
    arena.reset().await;
    assert!(Build::new("v3").run(arena, "build-1", PATIENT).await.status.success());
    let calls = arena.world.gateway.calls();
    calls.iter().find(|call| call.action == "AddTags").unwrap().of_role + 1
}

/// Both at once.
struct Round {
    gateway: Gateway,
    deployer_ended: watch::Sender<bool>,
    flip_ended: watch::Sender<bool>,
}

/// The calls that wait for their turn.
type Held = BTreeMap<Event, Pause>;

impl Round {
    /// Both before they begin, with what is held of them.
    fn new(arena: &Arena, look: usize) -> (Self, Held) {
        let gateway = arena.world.gateway.clone();
        let by = |role, action, resource| At::By { role, action: Some(action), resource };
        let listener = |port| Some(arena.balancer.listeners[&port].clone());
        // Of calls that are alike the earlier one is that of the earlier event.
        let at = |event| match event {
            Event::LiveRules => by(DEPLOYER_ROLE, "DescribeRules", listener(80)),
            Event::TestRules => by(DEPLOYER_ROLE, "DescribeRules", listener(8080)),
            Event::Tags => by(DEPLOYER_ROLE, "DescribeTags", None),
            Event::Fence => by(DEPLOYER_ROLE, "AddTags", None),
            Event::Look => At::Role(DEPLOYER_ROLE.to_owned(), look),
            Event::FlipTags | Event::VerifyTags => by(LAMBDA_ROLE, "DescribeTags", None),
            Event::Journal | Event::OneLabel | Event::OtherLabel => by(LAMBDA_ROLE, "AddTags", None),
            Event::LiveDefault => by(LAMBDA_ROLE, "ModifyListener", listener(80)),
            Event::TestDefault => by(LAMBDA_ROLE, "ModifyListener", listener(8080)),
            Event::LiveRule | Event::TestRule => by(LAMBDA_ROLE, "ModifyRule", None),
            Event::Answer => by(LAMBDA_ROLE, "PutJobSuccessResult", None),
        };
        let held = Event::ALL.map(|event| (event, gateway.pause_at(at(event)))).into();
        (Self { gateway, deployer_ended: watch::Sender::new(false), flip_ended: watch::Sender::new(false) }, held)
    }

    /// Waits until the process has ended that makes this call.
    async fn ended(&self, event: Event) {
        let ended = if event.is_deployers() { &self.deployer_ended } else { &self.flip_ended };
        // The sender is held here: waiting cannot fail.
        let _ = ended.subscribe().wait_for(|ended| *ended).await;
    }

    /// Lets the calls go in this order. One that does not come, since its process has ended, is passed over.
    async fn play(&self, order: &[Event], mut held: Held) {
        for event in order {
            let pause = held.remove(event).unwrap();
            tokio::select! {
                () = pause.reached() => {}
                () = self.ended(*event) => {}
            }
            if *event == Event::Look && pause.is_reached() {
                self.end_flip(&mut held).await;
                return;
            }
            pause.release();
            let held = || held.values().filter(|pause| pause.is_reached()).count();
            while self.gateway.calls().iter().filter(|call| call.answered.is_none()).count() > held() {
                tokio::time::sleep(SOON).await;
            }
        }
    }

    /// No call of the roll-back takes effect any more; where it has one to make, its process ends.
    async fn end_flip(&self, held: &mut Held) {
        let all = At::By { role: LAMBDA_ROLE, action: None, resource: None };
        self.gateway.inject(Fault { at: all, kind: FaultKind::KillBefore, lasts: Lasts::ForGood });
        held.retain(|event, _| event.is_deployers());
        self.ended(Event::Answer).await;
        self.gateway.clear_faults();
    }
}

/// Whether the build was written, whether the traffic was flipped, and what is wrong.
async fn run(arena: &mut Arena, order: &[Event], look: usize) -> (bool, bool, Option<String>) {
    arena.reset().await;
    let build = Build::new("v3");
    let parameters = json!({ "ElbName": "shop", "PromoteTo": "Code2", "Execution": "roll-back" });
    let job = arena.world.jobs.create_job(&parameters.to_string());
    let event = arena.world.jobs.event(&job).to_string();
    let (round, held) = Round::new(arena, look);
    let deployer = async {
        let output = build.run(arena, "build-1", PATIENT).await;
        round.deployer_ended.send_replace(true);
        output
    };
    let flip = async {
        arena.lambda.deliver_once("roll-back", event.as_bytes()).await.unwrap();
        round.flip_ended.send_replace(true);
    };
    let (deployed, (), ()) = futures::join!(deployer, flip, round.play(order, held));
    arena.world.gateway.idle().await;
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
