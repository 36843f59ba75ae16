//! What passes between the reading, the writes and the second look: time, and somebody else's writes.

use std::time::Duration;

use local_aws::gateway::At;
use serde_json::json;

use crate::faults::arena::{Arena, Asked, Balancer};
use crate::faults::outcome::Answer;
use crate::faults::rules::{Traffic, traffic};

/// How old a plan may be whose first rule is written; the function's own figure.
const PLAN_LIVES: Duration = Duration::from_secs(15);

fn at(action: &str, number: usize) -> At {
    At::Action(action.to_owned(), number)
}

#[tokio::test]
async fn a_plan_that_is_too_old_before_its_first_rule_is_made_anew() {
    let mut arena = Arena::new(Balancer::OnePair).await;
    arena.reset().await;
    let job = arena.world.jobs.create_job(&arena.parameters(Asked::Job).to_string());
    let event = arena.world.jobs.event(&job).to_string();
    let journal = arena.world.gateway.pause_at(at("AddTags", 1));
    let late = async {
        journal.reached().await;
        tokio::time::sleep(PLAN_LIVES + Duration::from_secs(1)).await;
        journal.release();
    };
    let (deliveries, ()) = futures::join!(arena.lambda.deliver(event.as_bytes()), late);
    assert_eq!(deliveries.unwrap().len(), 1);
    assert_eq!(Answer::of_job(&arena.world.jobs.state(&job).unwrap()), Answer::Succeeded);
    assert_eq!(arena.live().await.as_deref(), Some("a-code2"));
    let calls = arena.world.gateway.calls();
    let first_write = calls.iter().position(|call| call.action.starts_with("Modify")).unwrap();
    let reading = calls[..first_write].iter().rfind(|call| call.action == "DescribeRules").unwrap();
    let age = calls[first_write].arrived - reading.arrived;
    assert!(age < PLAN_LIVES, "the plan was {age:?} old");
}

#[tokio::test]
async fn a_rule_that_somebody_changes_once_during_a_flip_is_written_again() {
    let mut arena = Arena::new(Balancer::OnePair).await;
    for rule in [0, 3] {
        arena.reset().await;
        let job = json!({ "ElbName": "shop", "PromoteTo": "Code2", "Execution": format!("edited-{rule}") }).to_string();
        let job = arena.world.jobs.create_job(&job);
        let event = arena.world.jobs.event(&job).to_string();
        // Both listeners are read at once, first before the writes and then after them.
        let looks = [3, 4].map(|number| arena.world.gateway.pause_at(at("DescribeRules", number)));
        let edit = async {
            for look in &looks {
                look.reached().await;
            }
            assert_eq!(traffic(&arena.rule_states().await), Traffic::Flipped);
            arena.turn_by_hand(rule).await;
            drop(looks);
        };
        let (deliveries, ()) = futures::join!(arena.lambda.deliver(event.as_bytes()), edit);
        assert_eq!(deliveries.unwrap().len(), 1);
        assert_eq!(Answer::of_job(&arena.world.jobs.state(&job).unwrap()), Answer::Succeeded);
        assert_eq!(traffic(&arena.rule_states().await), Traffic::Flipped);
    }
}
