//! What every scenario begins with, and what each looks at.

use local_aws::installation::{Installation, Push, RELEASE};

use super::traffic::Pace;

/// The recipe as it is.
pub const NOTHING: Push<'_> = Push { parameters: &[], files: &[] };

/// The image tag of an execution's build.
pub fn tag(installation: &Installation, id: &str) -> String {
    installation.pipelines.variable(RELEASE, id, "Discover.PromoteImage").expect("the image of the release")
}

/// An installation with one release, and its image tag.
pub async fn released(pace: Pace) -> (Installation, String) {
    let installation = Installation::start().await.unwrap();
    pace.set(&installation).await;
    let id = installation.release(&NOTHING).await.unwrap();
    let first = tag(&installation, &id);
    (installation, first)
}

/// A push up to its approval: its execution, and what the approver reads. No stack's update moved a rule.
pub async fn rehearsed(installation: &Installation, push: &Push<'_>) -> (String, String) {
    let before = rules(installation).await;
    let id = installation.push(push).await.unwrap();
    let text = installation.asks(RELEASE, &id).await.unwrap();
    assert_eq!(rules(installation).await, before, "the listeners are what the last flip left");
    (id, text)
}

/// A push up to its flip: its image tag.
pub async fn release(installation: &Installation, push: &Push<'_>) -> String {
    let (id, _) = rehearsed(installation, push).await;
    installation.approve(RELEASE).unwrap();
    installation.succeeded(RELEASE, &id).await.unwrap();
    tag(installation, &id)
}

/// Listeners and rules as the API prints them, without tags.
async fn rules(installation: &Installation) -> String {
    let snapshot = installation.world.snapshot().await.unwrap();
    snapshot.split_once("<TagDescriptions").map(|(rules, _)| rules.to_owned()).expect("tags after the rules")
}

/// The events of both sides' stacks.
pub async fn events(installation: &Installation) -> [Vec<local_aws::codepipeline::Event>; 2] {
    [installation.events("shop-Code1").await.unwrap(), installation.events("shop-Code2").await.unwrap()]
}
