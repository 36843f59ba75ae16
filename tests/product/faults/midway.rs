//! What meets a flip that an earlier delivery began: refusals, denials, other requests, hand edits.

use std::time::Duration;

use local_aws::gateway::{At, Fault, FaultKind, Lasts};
use local_aws::lambda::Outcome;
use serde_json::{Value, json};

use crate::faults::arena::{Arena, Balancer};
use crate::faults::outcome::{Answer, is_write};
use crate::faults::rules::weights;

fn shop(more: Value) -> Value {
    let mut parameters = json!({ "ElbName": "shop" });
    parameters.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    parameters
}

/// A job with its event and its request id, to be delivered as often as wanted.
struct Job {
    id: String,
    event: String,
}

impl Job {
    fn new(arena: &Arena, parameters: Value) -> Self {
        let id = arena.world.jobs.create_job(&shop(parameters).to_string());
        let event = arena.world.jobs.event(&id).to_string();
        Self { id, event }
    }

    async fn deliver(&self, arena: &Arena) -> Outcome {
        arena.lambda.deliver_once(&self.id, self.event.as_bytes()).await.unwrap().outcome
    }

    fn answer(&self, arena: &Arena) -> Answer {
        Answer::of_job(&arena.world.jobs.state(&self.id).unwrap())
    }

    #[track_caller]
    fn failed(&self, arena: &Arena) -> (String, String) {
        match self.answer(arena) {
            Answer::Failed(kind, message) => (kind, message),
            other => panic!("{other:?}"),
        }
    }
}

fn once(action: &str, number: usize, kind: FaultKind) -> Fault {
    Fault { at: At::Action(action.to_owned(), number), kind, lasts: Lasts::Once }
}

async fn shrink(arena: &Arena, group: &str) {
    let elb = arena.world.elb();
    let arn = arena.balancer.group(group).unwrap();
    let health = elb.describe_target_health().target_group_arn(arn).send().await.unwrap();
    let targets = health.target_health_descriptions().iter().map(|health| health.target().unwrap().clone()).collect();
    elb.deregister_targets().target_group_arn(arn).set_targets(Some(targets)).send().await.unwrap();
}

async fn by_weights(arena: &Arena) -> Vec<Vec<(String, i32)>> {
    arena.rules().await.iter().map(weights).collect()
}

#[tokio::test]
async fn a_flip_that_is_refused_after_it_moved_a_rule_sets_it_back() {
    let arena = Arena::new(Balancer::OnePair).await;
    let before = by_weights(&arena).await;
    let job = Job::new(&arena, json!({ "Execution": "run-1" }));
    arena.world.gateway.inject(once("ModifyListener", 1, FaultKind::KillAfter));
    arena.world.gateway.inject(once("ModifyRule", 1, FaultKind::Hang));
    assert_eq!(job.deliver(&arena).await, Outcome::Crashed);
    assert_eq!(arena.live().await, None, "one rule has moved");
    arena.world.gateway.clear_faults();
    shrink(&arena, "a-code2").await;
    job.deliver(&arena).await;
    let (kind, message) = job.failed(&arena);
    assert_eq!(kind, "JobFailed");
    for part in ["refused after some rules had moved: Code2", "no healthy target", "The flip was undone. Rules now: port 80"] {
        assert!(message.contains(part), "{part:?} not in {message:?}");
    }
    assert_eq!(by_weights(&arena).await, before);
    job.deliver(&arena).await;
    assert_eq!(by_weights(&arena).await, before, "a further copy");
}

#[tokio::test]
async fn a_flip_that_was_made_before_is_not_set_back_by_a_refused_retry() {
    let arena = Arena::new(Balancer::OnePair).await;
    let approved = json!({ "Execution": "run-1", "PromoteImage": "v2" });
    let job = Job::new(&arena, approved.clone());
    job.deliver(&arena).await;
    assert_eq!(job.answer(&arena), Answer::Succeeded);
    arena.deployed("a-code2", "v9").await;
    let retry = Job::new(&arena, approved);
    retry.deliver(&arena).await;
    assert!(retry.failed(&arena).1.contains("PromoteImage asks for v2"));
    assert_eq!(arena.live().await.as_deref(), Some("a-code2"));
}

#[tokio::test]
async fn a_flip_whose_labels_alone_are_denied_has_succeeded_and_says_so() {
    let mut arena = Arena::new(Balancer::OnePair).await;
    // The record is the first AddTags; the closing with a label, and the other label, are the second and the third.
    for number in [2, 3] {
        arena.reset().await;
        let job = Job::new(&arena, json!({ "Execution": format!("run-{number}") }));
        arena.world.gateway.inject(once("AddTags", number, FaultKind::AccessDenied));
        job.deliver(&arena).await;
        assert_eq!(job.answer(&arena), Answer::Succeeded, "{number}");
        assert_eq!(arena.live().await.as_deref(), Some("a-code2"), "{number}");
        let state = arena.world.jobs.state(&job.id).unwrap();
        assert!(format!("{state:?}").contains("run a check, which brings labels in line"), "{state:?}");
    }
}

#[tokio::test]
async fn a_no_op_during_a_flip_that_dies_leaves_no_rules_split() {
    let arena = Arena::new(Balancer::OnePair).await;
    let flip = Job::new(&arena, json!({ "PromoteTo": "Code2", "Execution": "run-1" }));
    let stay = Job::new(&arena, json!({ "PromoteTo": "Code1", "Execution": "run-2" }));
    let another = arena.world.lambda(Duration::from_secs(20)).unwrap();
    arena.world.gateway.inject(once("ModifyRule", 1, FaultKind::Hang));
    let held = arena.world.gateway.pause_at(At::Action("ModifyListener".to_owned(), 1));
    let flipping = flip.deliver(&arena);
    tokio::pin!(flipping);
    tokio::select! {
        () = held.reached() => {}
        outcome = &mut flipping => panic!("{outcome:?}"),
    }
    another.deliver_once(&stay.id, stay.event.as_bytes()).await.unwrap();
    assert_eq!(stay.answer(&arena), Answer::Succeeded);
    held.release();
    while arena.live().await.is_some() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    arena.lambda.kill();
    assert_eq!(flipping.await, Outcome::Crashed);
    arena.world.gateway.clear_faults();
    for job in [&flip, &stay, &flip] {
        job.deliver(&arena).await;
        assert_eq!(arena.live().await.as_deref(), Some("a-code1"), "{:?}", by_weights(&arena).await);
    }
    assert!(flip.failed(&arena).1.contains("is outdated"), "{:?}", flip.answer(&arena));
}

#[tokio::test]
async fn tags_are_read_after_the_rules_where_nobody_names_the_group() {
    let arena = Arena::new(Balancer::OnePair).await;
    let job = Job::new(&arena, json!({ "Execution": "run-1" }));
    let another = arena.world.lambda(Duration::from_secs(20)).unwrap();
    // The copy reads its tags before the flip begins, and its rules when it is over.
    let held = arena.world.gateway.pause_at(At::Action("DescribeRules".to_owned(), 1));
    let held_too = arena.world.gateway.pause_at(At::Action("DescribeRules".to_owned(), 2));
    let copy = job.deliver(&arena);
    tokio::pin!(copy);
    tokio::select! {
        () = async { held.reached().await; held_too.reached().await } => {}
        outcome = &mut copy => panic!("{outcome:?}"),
    }
    another.deliver_once(&job.id, job.event.as_bytes()).await.unwrap();
    assert_eq!(job.answer(&arena), Answer::Succeeded);
    held.release();
    held_too.release();
    assert!(matches!(copy.await, Outcome::Answer(_)));
    assert_eq!(arena.live().await.as_deref(), Some("a-code2"));
}

#[tokio::test]
async fn rules_that_went_to_a_third_group_meanwhile_are_somebody_elses_change() {
    let arena = Arena::new(Balancer::OnePair).await;
    let elb = arena.world.elb();
    let third = elb.create_target_group().name("third").protocol("HTTP".into()).port(80).target_type("ip".into());
    let third = third.send().await.unwrap().target_groups()[0].target_group_arn().unwrap().to_owned();
    let job = Job::new(&arena, json!({ "PromoteTo": "Code2", "Execution": "run-1" }));
    // Two readings of the rules, one a listener, are the first look; the third is the second look's first.
    let held = arena.world.gateway.pause_at(At::Action("DescribeRules".to_owned(), 3));
    let held_too = arena.world.gateway.pause_at(At::Action("DescribeRules".to_owned(), 4));
    let flipping = job.deliver(&arena);
    tokio::pin!(flipping);
    tokio::select! {
        () = async { held.reached().await; held_too.reached().await } => {}
        outcome = &mut flipping => panic!("{outcome:?}"),
    }
    for rule in arena.rules().await {
        let action =
            aws_sdk_elasticloadbalancingv2::types::Action::builder().r#type("forward".into()).target_group_arn(&third).build();
        if rule.is_default() == Some(true) {
            let tail = rule.rule_arn().unwrap().split('/').nth(4).unwrap().to_owned();
            let listener = arena.balancer.listeners.values().find(|arn| arn.contains(&tail)).unwrap();
            elb.modify_listener().listener_arn(listener).default_actions(action).send().await.unwrap();
        } else {
            elb.modify_rule().rule_arn(rule.rule_arn().unwrap()).actions(action).send().await.unwrap();
        }
    }
    held.release();
    held_too.release();
    flipping.await;
    let (_, message) = job.failed(&arena);
    assert!(message.contains("in progress and not finished") && message.contains("third"), "{message}");
    assert!(arena.rules().await.iter().all(|rule| format!("{rule:?}").contains("/third/")), "their change stays");
}

#[tokio::test]
async fn a_job_that_cannot_be_recorded_fails_and_a_retry_flips() {
    let mut arena = Arena::new(Balancer::OnePair).await;
    for denied in ["DescribeLoadBalancers", "DescribeTags", "AddTags"] {
        arena.reset().await;
        let job = Job::new(&arena, json!({ "Execution": format!("run-{denied}") }));
        arena.world.gateway.inject(Fault {
            at: At::Action(denied.to_owned(), 1),
            kind: FaultKind::AccessDenied,
            lasts: Lasts::ForGood,
        });
        job.deliver(&arena).await;
        let moved = arena.world.gateway.calls().iter().filter(|call| is_write(call) && call.action != "AddTags").count();
        arena.world.gateway.clear_faults();
        assert_eq!((job.failed(&arena).0.as_str(), moved), ("PermissionError", 0), "{denied}");
        assert_eq!(arena.live().await.as_deref(), Some("a-code1"));
        let retry = Job::new(&arena, json!({ "Execution": format!("run-{denied}") }));
        retry.deliver(&arena).await;
        assert_eq!(retry.answer(&arena), Answer::Succeeded, "{denied}");
    }
}

#[tokio::test]
async fn a_test_rule_that_is_denied_twice_undoes_the_flip() {
    let arena = Arena::new(Balancer::OnePair).await;
    let job = Job::new(&arena, json!({ "Execution": "run-1" }));
    arena.world.gateway.inject(once("ModifyRule", 2, FaultKind::AccessDenied));
    arena.world.gateway.inject(once("ModifyRule", 3, FaultKind::AccessDenied));
    job.deliver(&arena).await;
    let (kind, message) = job.failed(&arena);
    assert_eq!(kind, "PermissionError");
    assert!(message.contains("The flip was undone"), "{message}");
    assert_eq!(arena.live().await.as_deref(), Some("a-code1"));
}

#[tokio::test]
async fn a_rule_that_is_denied_once_is_written_at_the_second_try() {
    let arena = Arena::new(Balancer::OnePair).await;
    let job = Job::new(&arena, json!({ "Execution": "run-1" }));
    arena.world.gateway.inject(once("ModifyRule", 1, FaultKind::AccessDenied));
    job.deliver(&arena).await;
    assert_eq!(job.answer(&arena), Answer::Succeeded);
}
