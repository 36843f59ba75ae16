//! Releases and roll-backs through the pipelines of the template.

use local_aws::codepipeline::{NoUpdates, Status};
use local_aws::gateway::{At, Fault, FaultKind, Lasts};
use local_aws::installation::{Installation, Push, RELEASE, ROLLBACK};

use super::traffic::{Traffic, version};

const NOTHING: Push<'_> = Push { parameters: &[], files: &[] };

/// The image tag of an execution's build.
fn tag(installation: &Installation, id: &str) -> String {
    installation.pipelines.variable(RELEASE, id, "Discover.PromoteImage").expect("the image of the release")
}

/// An installation with one release.
async fn released() -> (Installation, String) {
    let installation = Installation::start().await.unwrap();
    let id = installation.release(&NOTHING).await.unwrap();
    let first = tag(&installation, &id);
    (installation, first)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_release_serves_both_ports_and_its_flip_is_a_no_op() {
    let installation = Installation::start().await.unwrap();
    let (status, said) = installation.pipelines.said(ROLLBACK, "Rollback", "Check").unwrap();
    assert_eq!(status, Status::Failed, "the roll-back pipeline started when it was made: {said}");
    let before = installation.world.snapshot().await.unwrap();
    let id = installation.release(&NOTHING).await.unwrap();
    let first = tag(&installation, &id);
    assert_eq!(installation.pipelines.variable(RELEASE, &id, "Discover.PromoteTo").as_deref(), Some("Code1"));
    assert_eq!(installation.pipelines.variable(RELEASE, &id, "Flip.Changed").as_deref(), Some("false"));
    assert_eq!((version(&installation, 80).await, version(&installation, 8080).await), (first.clone(), first));
    assert_ne!(before, installation.world.snapshot().await.unwrap(), "the labels are set");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_is_rehearsed_approved_and_taken_back() {
    let (installation, first) = released().await;
    let traffic = Traffic::on(&installation).await;
    let id = installation.push(&NOTHING).await.unwrap();
    let text = installation.asks(RELEASE, &id).await.unwrap();
    let second = tag(&installation, &id);
    assert!(text.contains(&first) && text.contains(&second), "the approver reads both images: {text}");
    assert_eq!((version(&installation, 80).await, version(&installation, 8080).await), (first.clone(), second.clone()));
    installation.approve(RELEASE).unwrap();
    installation.succeeded(RELEASE, &id).await.unwrap();
    assert_eq!((version(&installation, 80).await, version(&installation, 8080).await), (second.clone(), first.clone()));
    installation.roll_back().await.unwrap();
    assert_eq!((version(&installation, 80).await, version(&installation, 8080).await), (first.clone(), second.clone()));
    traffic.served(&[&first, &second]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn production_has_no_event_until_the_next_release() {
    let (installation, first) = released().await;
    let traffic = Traffic::on(&installation).await;
    let live = installation.events("shop-Code1").await.unwrap();
    let id = installation.push(&Push { parameters: &[("Cpu", "512"), ("Greeting", "Good morning")], files: &[] }).await.unwrap();
    installation.asks(RELEASE, &id).await.unwrap();
    let second = tag(&installation, &id);
    assert_eq!(installation.events("shop-Code1").await.unwrap(), live, "production's stack was not touched");
    let of = |side: &'static str, key: &'static str| {
        let installation = &installation;
        async move { installation.parameters(side).await.unwrap()[key].clone() }
    };
    assert_eq!((of("shop-Code1", "Cpu").await, of("shop-Code2", "Cpu").await), ("256".to_owned(), "512".to_owned()));
    assert_eq!(of("shop-Code2", "Tag").await, second, "Fn::GetParam and the configuration agree");
    installation.approve(RELEASE).unwrap();
    installation.succeeded(RELEASE, &id).await.unwrap();
    let rehearsed = installation.events("shop-Code2").await.unwrap();
    installation.roll_back().await.unwrap();
    assert_eq!(installation.events("shop-Code1").await.unwrap(), live);
    assert_eq!(installation.events("shop-Code2").await.unwrap(), rehearsed);
    assert_eq!(version(&installation, 80).await, first);
    traffic.served(&[&first, &second]).await;
    // The next release keeps what was taken back, and changes the other side alone.
    installation.age_flips(20).await.unwrap();
    let id = installation.push(&Push { parameters: &[("Cpu", "1024")], files: &[] }).await.unwrap();
    installation.asks(RELEASE, &id).await.unwrap();
    assert_eq!((of("shop-Code1", "Cpu").await, of("shop-Code2", "Cpu").await), ("256".to_owned(), "1024".to_owned()));
    assert_eq!(of("shop-Code2", "Greeting").await, "Hello");
    assert_eq!(installation.events("shop-Code1").await.unwrap(), live);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_roll_back_is_refused_while_a_new_build_is_on_the_test_side() {
    let (installation, first) = released().await;
    let traffic = Traffic::on(&installation).await;
    let id = installation.push(&NOTHING).await.unwrap();
    installation.asks(RELEASE, &id).await.unwrap();
    let back = installation.pipelines.start_execution(ROLLBACK, &[].into()).unwrap();
    assert_eq!(installation.over(ROLLBACK, &back).await.unwrap(), Status::Failed);
    let (_, said) = installation.pipelines.said(ROLLBACK, "Rollback", "Check").unwrap();
    assert!(said.contains(&id), "it says which execution rebuilds the side: {said}");
    traffic.served(&[&first]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_run_waits_for_the_stage_and_keeps_production() {
    let (installation, first) = released().await;
    let traffic = Traffic::on(&installation).await;
    let one = installation.push(&NOTHING).await.unwrap();
    installation.asks(RELEASE, &one).await.unwrap();
    let second = tag(&installation, &one);
    // It builds while the other waits for its approval, and no further.
    let other = installation.push(&NOTHING).await.unwrap();
    installation
        .pipelines
        .wait(local_aws::installation::PATIENCE, "the second run is built", |p| {
            p.waits(RELEASE, "Release").as_deref() == Some(&other)
        })
        .await
        .unwrap();
    assert_eq!(installation.pipelines.variable(RELEASE, &other, "Discover.PromoteTo"), None, "nothing was discovered yet");
    installation.approve(RELEASE).unwrap();
    installation.succeeded(RELEASE, &one).await.unwrap();
    installation.age_flips(20).await.unwrap();
    installation.asks(RELEASE, &other).await.unwrap();
    // What is live now was not deployed to: the build went to the side that the flip retired.
    assert_eq!(installation.pipelines.variable(RELEASE, &other, "Discover.PromoteTo").as_deref(), Some("Code1"));
    let third = tag(&installation, &other);
    assert_eq!((version(&installation, 80).await, version(&installation, 8080).await), (second.clone(), third));
    traffic.served(&[&first, &second]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_that_fails_leaves_production_and_the_way_back() {
    let (installation, first) = released().await;
    let second = tag(&installation, &installation.release(&NOTHING).await.unwrap());
    installation.age_flips(20).await.unwrap();
    let traffic = Traffic::on(&installation).await;
    // The buildspec names an image that it never pushes.
    let spec = include_str!("../../../recipes/codepipeline/buildspec.yml");
    let spec: String = spec.lines().filter(|line| !line.contains("docker push")).map(|line| format!("{line}\n")).collect();
    let id = installation.push(&Push { parameters: &[], files: &[("buildspec.yml", &spec)] }).await.unwrap();
    assert_eq!(installation.over(RELEASE, &id).await.unwrap(), Status::Failed);
    let (_, said) = installation.pipelines.said(RELEASE, "Release", "DeployCode1").unwrap();
    assert!(said.contains("Circuit Breaker"), "{said}");
    assert_eq!((version(&installation, 80).await, version(&installation, 8080).await), (second.clone(), first.clone()));
    installation.roll_back().await.unwrap();
    assert_eq!(version(&installation, 80).await, first);
    traffic.served(&[&first, &second]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_rejected_approval_the_next_release_goes_on() {
    let (installation, first) = released().await;
    let traffic = Traffic::on(&installation).await;
    let id = installation.push(&NOTHING).await.unwrap();
    installation.asks(RELEASE, &id).await.unwrap();
    installation.reject(RELEASE).unwrap();
    assert_eq!(installation.over(RELEASE, &id).await.unwrap(), Status::Failed);
    let id = installation.release(&NOTHING).await.unwrap();
    let third = tag(&installation, &id);
    assert_eq!(version(&installation, 80).await, third);
    traffic.served(&[&first, &third]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_of_the_stage_after_its_flip_deploys_nothing() {
    let (installation, first) = released().await;
    let traffic = Traffic::on(&installation).await;
    let id = installation.push(&NOTHING).await.unwrap();
    installation.asks(RELEASE, &id).await.unwrap();
    let second = tag(&installation, &id);
    // The flip is made, and none of its answers arrives.
    let at = At::Action("PutJobSuccessResult".to_owned(), 1);
    installation.world.gateway.inject(Fault { at, kind: FaultKind::AccessDenied, lasts: Lasts::ForGood });
    installation.approve(RELEASE).unwrap();
    assert_eq!(installation.over(RELEASE, &id).await.unwrap(), Status::Failed);
    installation.world.gateway.clear_faults();
    assert_eq!(version(&installation, 80).await, second);
    let events = [installation.events("shop-Code1").await.unwrap(), installation.events("shop-Code2").await.unwrap()];
    installation.pipelines.retry_stage(RELEASE, "Release", &id, true).unwrap();
    installation.asks(RELEASE, &id).await.unwrap();
    installation.approve(RELEASE).unwrap();
    installation.succeeded(RELEASE, &id).await.unwrap();
    assert_eq!([installation.events("shop-Code1").await.unwrap(), installation.events("shop-Code2").await.unwrap()], events);
    assert_eq!((version(&installation, 80).await, version(&installation, 8080).await), (second.clone(), first.clone()));
    traffic.served(&[&first, &second]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_duplicate_of_an_old_flip_changes_nothing() {
    let (installation, first) = released().await;
    installation.release(&NOTHING).await.unwrap();
    let flip = installation.pipelines.invoked().into_iter().rfind(|job| job.action == "Flip").unwrap();
    installation.roll_back().await.unwrap();
    let before = installation.world.snapshot().await.unwrap();
    installation.lambda.invoke(flip.event.to_string().as_bytes()).await.unwrap();
    assert_eq!(version(&installation, 80).await, first);
    assert_eq!(installation.world.snapshot().await.unwrap(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_updates_fail_the_release_stops_and_production_stays() {
    let (installation, first) = released().await;
    installation.pipelines.set_no_updates(NoUpdates::Fail);
    let live = installation.events("shop-Code1").await.unwrap();
    let id = installation.push(&NOTHING).await.unwrap();
    assert_eq!(installation.over(RELEASE, &id).await.unwrap(), Status::Failed);
    let (_, said) = installation.pipelines.said(RELEASE, "Release", "DeployCode1").unwrap();
    assert!(said.contains("No updates"), "{said}");
    assert_eq!(installation.events("shop-Code1").await.unwrap(), live);
    assert_eq!(version(&installation, 80).await, first);
}
