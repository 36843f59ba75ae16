//! Faults that stay after the first write: the job fails, and its message tells each rule's state.

use local_aws::gateway::{At, Fault, FaultKind, Lasts};

use crate::faults::arena::{Arena, Asked, Balancer};
use crate::faults::outcome::Answer;
use crate::faults::rules::{Traffic, traffic, weights};

fn stays(action: &str, number: usize, kind: FaultKind) -> Fault {
    Fault { at: At::Action(action.to_owned(), number), kind, lasts: Lasts::ForGood }
}

#[tokio::test]
async fn a_live_rule_that_stays_unavailable_fails_and_shows_each_rule() {
    let mut arena = Arena::new(Balancer::OnePair).await;
    for kind in [FaultKind::Throttled, FaultKind::Status503, FaultKind::Hang] {
        let ended = arena.run(Asked::Job, &[stays("ModifyRule", 1, kind)]).await;
        let Answer::Failed(r#type, message) = &ended.answer else { panic!("{kind:?}: {:?}", ended.answer) };
        assert_eq!(r#type, "SystemUnavailable", "{kind:?}");
        for part in ["elasticloadbalancing:ModifyRule on arn:", "in progress and not finished", "Press Retry"] {
            assert!(message.contains(part), "{kind:?}: {part:?} not in {message:?}");
        }
        assert!(message.contains("port 80, default action forwards to Code1 0, Code2 100"), "{message}");
        assert!(message.contains("port 80, rule 10 (path-pattern /api/*) forwards to Code1 100, Code2 0"), "{message}");
        assert_eq!(ended.fault_of_requests(), None);
        // The further delivery, without the fault, has finished it: what the message said.
        assert_eq!(traffic(&ended.further[0].rules), Traffic::Flipped);
    }
}

#[tokio::test]
async fn a_denied_live_rule_is_a_permission_error_and_is_undone() {
    let mut arena = Arena::new(Balancer::OnePair).await;
    let ended = arena.run(Asked::Job, &[stays("ModifyRule", 1, FaultKind::AccessDenied)]).await;
    let Answer::Failed(r#type, message) = &ended.answer else { panic!("{:?}", ended.answer) };
    assert_eq!(r#type, "PermissionError");
    assert!(message.contains("The flip was undone. Rules now: port 80"), "{message}");
    assert!(message.contains("Allow elasticloadbalancing:ModifyRule in this role's policy"), "{message}");
    assert_eq!((ended.fault(), ended.traffic()), (None, Traffic::Before));
}

#[tokio::test]
async fn a_retry_after_what_was_set_back_flips() {
    for balancer in [Balancer::OnePair, Balancer::ThreePairs] {
        let mut arena = Arena::new(balancer).await;
        let ended = arena.run(Asked::Job, &[stays("ModifyRule", 1, FaultKind::AccessDenied)]).await;
        assert_eq!(ended.traffic(), Traffic::Before, "{balancer:?}");
        let job = arena.world.jobs.create_job(&arena.parameters(Asked::Job).to_string());
        arena.lambda.deliver(arena.world.jobs.event(&job).to_string().as_bytes()).await.unwrap();
        assert_eq!(Answer::of_job(&arena.world.jobs.state(&job).unwrap()), Answer::Succeeded, "{balancer:?}");
    }
}

#[tokio::test]
async fn a_service_that_was_live_already_is_not_set_back_with_the_others() {
    let mut arena = Arena::new(Balancer::ThreePairs).await;
    arena.reset().await;
    let flip = async |promote: &str| {
        let parameters = serde_json::json!({ "ElbName": "shop", "PromoteTo": promote, "Execution": promote.replace(',', "+") });
        let job = arena.world.jobs.create_job(&parameters.to_string());
        arena.lambda.deliver(arena.world.jobs.event(&job).to_string().as_bytes()).await.unwrap();
        Answer::of_job(&arena.world.jobs.state(&job).unwrap())
    };
    assert_eq!(flip("c-code2").await, Answer::Succeeded);
    let before: Vec<_> = arena.rules().await.iter().map(weights).collect();
    arena.world.gateway.reset_calls();
    arena.world.gateway.inject(stays("ModifyRule", 1, FaultKind::AccessDenied));
    let answer = flip("a-code2,b-code2,c-code2").await;
    let Answer::Failed(r#type, message) = &answer else { panic!("{answer:?}") };
    assert_eq!(r#type, "PermissionError");
    assert!(message.contains("The flip was undone"), "{message}");
    let after: Vec<_> = arena.rules().await.iter().map(weights).collect();
    assert_eq!(before, after);
}
