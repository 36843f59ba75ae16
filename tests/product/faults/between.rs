//! What passes between the reading, the writes and the second look: time, and somebody else's writes.

use std::time::Duration;

use local_aws::gateway::At;

use crate::faults::arena::{Arena, Asked, Balancer};
use crate::faults::outcome::Answer;
use crate::faults::rules::{RuleState, Traffic, traffic};

/// How old a plan may be whose first rule is written; the function's own figure.
const PLAN_LIVES: Duration = Duration::from_secs(15);

fn at(action: &str, number: usize) -> At {
    At::Action(action.to_owned(), number)
}

#[tokio::test]
async fn a_plan_that_has_grown_old_before_its_first_rule_is_thrown_away_and_made_anew() {
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
    let readings: Vec<_> = calls[..first_write].iter().filter(|call| call.action == "DescribeLoadBalancers").collect();
    assert_eq!(readings.len(), 2, "readings before the first rule was written: {readings:#?}");
    let age = calls[first_write].arrived - readings[1].arrived;
    assert!(age < PLAN_LIVES, "the second plan was {age:?} old");
}

#[tokio::test]
async fn a_rule_that_somebody_else_changes_before_the_second_look_fails_the_job_and_stays_as_it_is() {
    let mut arena = Arena::new(Balancer::OnePair).await;
    for rule in 0..4 {
        arena.reset().await;
        let job = arena.world.jobs.create_job(r#"{"ElbName":"shop","PromoteTo":"Code2","Execution":"edited"}"#);
        let event = arena.world.jobs.event(&job).to_string();
        // Both listeners are read at once, first before the writes and then after them.
        let looks = [3, 4].map(|number| arena.world.gateway.pause_at(at("DescribeRules", number)));
        let edit = async {
            for look in &looks {
                look.reached().await;
            }
            assert_eq!(traffic(&arena.rule_states().await), Traffic::Flipped);
            arena.turn_by_hand(rule).await;
            let edited = arena.rule_states().await;
            drop(looks);
            edited
        };
        let (deliveries, edited) = futures::join!(arena.lambda.deliver(event.as_bytes()), edit);
        assert_eq!(deliveries.unwrap().len(), 1);
        let Answer::Failed(r#type, message) = Answer::of_job(&arena.world.jobs.state(&job).unwrap()) else {
            panic!("the edit of {} was not seen", edited[rule]);
        };
        assert_eq!(r#type, "JobFailed");
        assert!(message.starts_with("somebody else changed the rules during this flip"), "{message}");
        assert!(message.contains(&called(&edited[rule])), "{message}");
        assert_eq!(arena.rule_states().await, edited, "the edit by hand stays");
    }
}

/// A rule's state in the words of a message.
fn called(rule: &RuleState) -> String {
    let name = if rule.priority == "default" { "default action" } else { "rule 10 (path-pattern /api/*)" };
    format!("port {}, {name} forwards to Code1 {}, Code2 {}", rule.port, rule.weights[0].1, rule.weights[1].1)
}
