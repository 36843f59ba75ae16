//! Releases and roll-backs through the pipelines of the template, under load.

use local_aws::codepipeline::{NoUpdates, Status};
use local_aws::gateway::{At, Fault, FaultKind, Lasts};
use local_aws::installation::{Installation, PATIENCE, Push, RELEASE, ROLLBACK};

use super::stage::{NOTHING, events, rehearsed, release, released, tag};
use super::traffic::{Pace, Traffic, version, versions};

#[tokio::test(flavor = "multi_thread")]
async fn the_first_release_serves_both_ports_and_its_flip_is_a_no_op() {
    let installation = Installation::start().await.unwrap();
    let (status, said) = installation.pipelines.said(ROLLBACK, "Rollback", "Check").unwrap();
    assert_eq!(status, Status::Failed, "the roll-back pipeline started when it was made: {said}");
    let before = installation.world.snapshot().await.unwrap();
    let (id, _) = rehearsed(&installation, &NOTHING).await;
    let traffic = Traffic::on(&installation).await;
    installation.approve(RELEASE).unwrap();
    installation.succeeded(RELEASE, &id).await.unwrap();
    let first = tag(&installation, &id);
    assert_eq!(installation.pipelines.variable(RELEASE, &id, "Discover.PromoteTo").as_deref(), Some("Code1"));
    assert_eq!(installation.pipelines.variable(RELEASE, &id, "Flip.Changed").as_deref(), Some("false"));
    assert_eq!(versions(&installation).await, (first.clone(), first.clone()));
    assert_ne!(before, installation.world.snapshot().await.unwrap(), "the labels are set");
    traffic.served(&installation, &[&first]).await;
}

async fn a_release_goes_live_and_back(pace: Pace) {
    let (installation, first) = released(pace).await;
    let traffic = Traffic::on(&installation).await;
    let (id, text) = rehearsed(&installation, &NOTHING).await;
    let second = tag(&installation, &id);
    assert!(text.contains(&format!("image {first} → {second}")), "the approver reads both images: {text}");
    assert!(text.contains("targets healthy") && text.contains("Test it: http"), "{text}");
    assert!(text.chars().count() <= 1000, "{text}");
    assert_eq!(versions(&installation).await, (first.clone(), second.clone()));
    installation.approve(RELEASE).unwrap();
    installation.succeeded(RELEASE, &id).await.unwrap();
    assert_eq!(versions(&installation).await, (second.clone(), first.clone()));
    installation.roll_back().await.unwrap();
    assert_eq!(versions(&installation).await, (first.clone(), second.clone()));
    traffic.served(&installation, &[&first, &second]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_is_rehearsed_approved_and_taken_back() {
    a_release_goes_live_and_back(Pace::AtOnce).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_batches_a_release_is_rehearsed_approved_and_taken_back() {
    a_release_goes_live_and_back(Pace::InBatches).await;
}

async fn cpu_and_variable_are_released_and_taken_back(pace: Pace) {
    let (installation, first) = released(pace).await;
    let traffic = Traffic::on(&installation).await;
    let [live, _] = events(&installation).await;
    let push = Push { parameters: &[("Cpu", "512"), ("Greeting", "Good morning")], files: &[] };
    let (id, _) = rehearsed(&installation, &push).await;
    let second = tag(&installation, &id);
    assert_eq!(events(&installation).await[0], live, "production's stack was not touched");
    let of = async |side: &str, key: &str| installation.parameters(side).await.unwrap()[key].clone();
    assert_eq!((of("shop-Code1", "Cpu").await, of("shop-Code2", "Cpu").await), ("256".to_owned(), "512".to_owned()));
    assert_eq!(of("shop-Code2", "Tag").await, second, "Fn::GetParam and the configuration agree");
    installation.approve(RELEASE).unwrap();
    installation.succeeded(RELEASE, &id).await.unwrap();
    assert_eq!(version(&installation, 80).await, second);
    let rehearsed_events = events(&installation).await;
    installation.roll_back().await.unwrap();
    assert_eq!(events(&installation).await, rehearsed_events, "a roll-back touches no stack");
    assert_eq!((version(&installation, 80).await, &rehearsed_events[0]), (first.clone(), &live));
    traffic.served(&installation, &[&first, &second]).await;
    // The next release keeps what was taken back, and changes the other side only.
    installation.age_flips(20).await.unwrap();
    rehearsed(&installation, &Push { parameters: &[("Cpu", "1024")], files: &[] }).await;
    assert_eq!((of("shop-Code1", "Cpu").await, of("shop-Code2", "Cpu").await), ("256".to_owned(), "1024".to_owned()));
    assert_eq!(of("shop-Code2", "Greeting").await, "Hello");
    assert_eq!(events(&installation).await[0], live);
}

#[tokio::test(flavor = "multi_thread")]
async fn production_has_no_event_until_the_next_release() {
    cpu_and_variable_are_released_and_taken_back(Pace::AtOnce).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_batches_production_has_no_event_until_the_next_release() {
    cpu_and_variable_are_released_and_taken_back(Pace::InBatches).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_roll_back_is_refused_while_a_new_build_is_on_the_test_side() {
    let (installation, first) = released(Pace::AtOnce).await;
    let traffic = Traffic::on(&installation).await;
    let (id, _) = rehearsed(&installation, &NOTHING).await;
    refused_roll_back(&installation, &id).await;
    traffic.served(&installation, &[&first]).await;
}

/// A roll-back now is refused, and its check says which execution has the test side.
async fn refused_roll_back(installation: &Installation, by: &str) {
    let back = installation.pipelines.start_execution(ROLLBACK, &[].into()).unwrap();
    assert_eq!(installation.over(ROLLBACK, &back).await.unwrap(), Status::Failed);
    let (_, said) = installation.pipelines.said(ROLLBACK, "Rollback", "Check").unwrap();
    assert!(said.contains(by), "{said}");
}

async fn two_runs_race(pace: Pace) {
    let (installation, first) = released(pace).await;
    let traffic = Traffic::on(&installation).await;
    let (one, _) = rehearsed(&installation, &NOTHING).await;
    let second = tag(&installation, &one);
    // It builds while the other waits for its approval, and no further. It is urgent: the flip before keeps it for no 15 minutes.
    let urgent = [("Urgent".to_owned(), "yes".to_owned())].into();
    let other = installation.pipelines.start_execution(RELEASE, &urgent).unwrap();
    let waits = |p: &local_aws::codepipeline::CodePipeline| p.waits(RELEASE, "Release").as_deref() == Some(&other);
    installation.pipelines.wait(PATIENCE, "the second run is built", waits).await.unwrap();
    assert_eq!(installation.pipelines.variable(RELEASE, &other, "Discover.PromoteTo"), None, "nothing was discovered yet");
    installation.approve(RELEASE).unwrap();
    installation.succeeded(RELEASE, &one).await.unwrap();
    installation.asks(RELEASE, &other).await.unwrap();
    // What is live now was not deployed to: the build went to the side that the flip retired.
    assert_eq!(installation.pipelines.variable(RELEASE, &other, "Discover.PromoteTo").as_deref(), Some("Code1"));
    let third = tag(&installation, &other);
    assert_eq!(versions(&installation).await, (second.clone(), third));
    traffic.served(&installation, &[&first, &second]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_run_waits_for_the_stage_and_keeps_production() {
    two_runs_race(Pace::AtOnce).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_batches_a_second_run_waits_and_keeps_production() {
    two_runs_race(Pace::InBatches).await;
}

/// The image of a push that never reaches the registry.
fn unpushed() -> String {
    let spec = include_str!("../../../recipes/codepipeline/buildspec.yml");
    spec.lines().filter(|line| !line.contains("docker push")).map(|line| format!("{line}\n")).collect()
}

async fn a_deployment_fails(pace: Pace) {
    let (installation, first) = released(pace).await;
    let second = release(&installation, &NOTHING).await;
    installation.age_flips(20).await.unwrap();
    let traffic = Traffic::on(&installation).await;
    let id = installation.push(&Push { parameters: &[], files: &[("buildspec.yml", &unpushed())] }).await.unwrap();
    assert_eq!(installation.over(RELEASE, &id).await.unwrap(), Status::Failed);
    let (_, said) = installation.pipelines.said(RELEASE, "Release", "DeployCode1").unwrap();
    assert!(said.contains("Circuit Breaker"), "{said}");
    assert_eq!(versions(&installation).await, (second.clone(), first.clone()));
    // The failed deployment's tasks are gone: until then ECS does not say for certain what the side runs.
    installation.world.ecs_runner.settled("shop", "shop-Code1", PATIENCE).await.unwrap();
    installation.roll_back().await.unwrap();
    assert_eq!(version(&installation, 80).await, first);
    traffic.served(&installation, &[&first, &second]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_that_fails_leaves_production_and_the_way_back() {
    a_deployment_fails(Pace::AtOnce).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_batches_a_deployment_that_fails_leaves_the_way_back() {
    a_deployment_fails(Pace::InBatches).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_is_never_healthy_does_not_reach_the_approver() {
    let (installation, first) = released(Pace::AtOnce).await;
    let traffic = Traffic::on(&installation).await;
    let sick = format!("{}LABEL sick=true\n", include_str!("../../../recipes/codepipeline/Dockerfile"));
    let id = installation.push(&Push { parameters: &[], files: &[("Dockerfile", &sick)] }).await.unwrap();
    assert_eq!(installation.over(RELEASE, &id).await.unwrap(), Status::Failed);
    assert_eq!(versions(&installation).await, (first.clone(), first.clone()));
    traffic.served(&installation, &[&first]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_rejected_approval_the_next_release_goes_on() {
    let (installation, first) = released(Pace::AtOnce).await;
    let traffic = Traffic::on(&installation).await;
    let (id, _) = rehearsed(&installation, &NOTHING).await;
    installation.reject(RELEASE).unwrap();
    assert_eq!(installation.over(RELEASE, &id).await.unwrap(), Status::Failed);
    let third = release(&installation, &NOTHING).await;
    assert_eq!(version(&installation, 80).await, third);
    traffic.served(&installation, &[&first, &third]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_releases_without_a_flip_leave_production_as_it_is() {
    let (installation, first) = released(Pace::AtOnce).await;
    let traffic = Traffic::on(&installation).await;
    let [live, _] = events(&installation).await;
    let mut last = String::new();
    for _ in 0..2 {
        let (id, _) = rehearsed(&installation, &NOTHING).await;
        assert_eq!(installation.pipelines.variable(RELEASE, &id, "Discover.PromoteTo").as_deref(), Some("Code2"));
        installation.reject(RELEASE).unwrap();
        assert_eq!(installation.over(RELEASE, &id).await.unwrap(), Status::Failed);
        last = id;
    }
    assert_eq!(versions(&installation).await, (first.clone(), tag(&installation, &last)));
    // Nobody approved what is on the test side: a roll-back would put it live.
    refused_roll_back(&installation, &last).await;
    assert_eq!(events(&installation).await[0], live);
    traffic.served(&installation, &[&first]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_of_the_stage_after_its_flip_deploys_nothing() {
    let (installation, first) = released(Pace::AtOnce).await;
    let traffic = Traffic::on(&installation).await;
    let (id, _) = rehearsed(&installation, &NOTHING).await;
    let second = tag(&installation, &id);
    // The flip is made, and none of its answers arrives.
    installation.world.gateway.reset_calls();
    let at = At::Action("PutJobSuccessResult".to_owned(), 1);
    installation.world.gateway.inject(Fault { at, kind: FaultKind::AccessDenied, lasts: Lasts::ForGood });
    installation.approve(RELEASE).unwrap();
    assert_eq!(installation.over(RELEASE, &id).await.unwrap(), Status::Failed);
    installation.world.gateway.clear_faults();
    assert_eq!(version(&installation, 80).await, second);
    let before = events(&installation).await;
    installation.pipelines.retry_stage(RELEASE, "Release", &id, true).unwrap();
    installation.asks(RELEASE, &id).await.unwrap();
    installation.approve(RELEASE).unwrap();
    installation.succeeded(RELEASE, &id).await.unwrap();
    assert_eq!(events(&installation).await, before);
    assert_eq!(versions(&installation).await, (second.clone(), first.clone()));
    traffic.served(&installation, &[&first, &second]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_duplicate_of_an_old_flip_changes_nothing() {
    let (installation, first) = released(Pace::AtOnce).await;
    let traffic = Traffic::on(&installation).await;
    let second = release(&installation, &NOTHING).await;
    let flip = installation.pipelines.invoked().into_iter().rfind(|job| job.action == "Flip").unwrap();
    installation.roll_back().await.unwrap();
    let before = installation.world.snapshot().await.unwrap();
    installation.lambda.invoke(flip.event.to_string().as_bytes()).await.unwrap();
    assert_eq!(version(&installation, 80).await, first);
    assert_eq!(installation.world.snapshot().await.unwrap(), before);
    traffic.served(&installation, &[&first, &second]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_updates_fail_the_release_stops_and_production_stays() {
    let (installation, first) = released(Pace::AtOnce).await;
    installation.pipelines.set_no_updates(NoUpdates::Fail);
    let traffic = Traffic::on(&installation).await;
    let [live, _] = events(&installation).await;
    let id = installation.push(&NOTHING).await.unwrap();
    assert_eq!(installation.over(RELEASE, &id).await.unwrap(), Status::Failed);
    let (_, said) = installation.pipelines.said(RELEASE, "Release", "DeployCode1").unwrap();
    assert!(said.contains("No updates"), "{said}");
    assert_eq!(events(&installation).await[0], live);
    traffic.served(&installation, &[&first]).await;
}
