//! What is refused before anything is written.

use local_aws::gateway::{At, Fault, FaultKind};

use super::Bundle;

impl Bundle {
    /// Nothing was registered and nothing updated since the calls were counted.
    fn nothing_was_written(&self) {
        let stage = &self.stage;
        assert_eq!((stage.calls("RegisterTaskDefinition"), stage.calls("UpdateService"), stage.calls("TagResource")), (0, 0, 0));
    }
}

#[tokio::test]
async fn one_missing_image_refuses_everything() {
    let bundle = Bundle::new().await;
    bundle.push("v2").await;
    bundle.stage.registry.delete("shop/web", "v2-mailer").await.unwrap();
    bundle.release("42", "v2", &[]).await.ended(2, &["v2-mailer is not in ECR", "Nothing was changed"]);
    bundle.nothing_was_written();
}

#[tokio::test]
async fn a_bad_file_is_told_with_its_line() {
    let bundle = Bundle::new().await;
    bundle.write("produktion: true\n");
    bundle.release("42", "v2", &[]).await.ended(2, &["release.yml line 12", "produktion"]);
    bundle.write("");
    bundle.stage.run(&["roll", "release", "--release", "42"]).await.ended(2, &["line 3", "${tag} has no value"]);
    let other = bundle.stage.run(&["roll", "release", "--release", "42", "--file", "other.yml"]).await;
    other.ended(2, &["other.yml cannot be read", "--file"]);
    bundle.release("a;b", "v2", &[]).await.ended(2, &["--release"]);
    assert!(bundle.stage.world.gateway.calls().is_empty());
}

#[tokio::test]
async fn of_two_releases_the_second_is_refused_and_the_first_is_named() {
    let bundle = Bundle::new().await;
    bundle.push("v2").await;
    bundle.push("v3").await;
    bundle.stage.hold().await;
    bundle.release("42", "v2", &["--timeout", "1"]).await.ended(9, &[]);
    bundle.stage.world.gateway.reset_calls();
    bundle.release("43", "v3", &[]).await.ended(3, &["web is being rolled out already", "of release 42", "Nothing was changed"]);
    bundle.nothing_was_written();
    bundle.stage.release().await;
    bundle.quiet().await;
    // Nothing rolls any more, and 42 has not ended: its schedule and its task are missing.
    bundle.release("43", "v3", &[]).await.ended(3, &["release 42 has not ended", "--give-up 42"]);
    bundle.release("43", "v3", &["--give-up", "42"]).await.ended(0, &["release 43 is made"]);
    bundle.release("42", "v2", &[]).await.ended(3, &["release 42 is outdated"]);
    assert_eq!(bundle.versions().await, "v3");
}

#[tokio::test]
async fn of_two_releases_at_the_same_moment_one_at_most_goes_on() {
    let bundle = Bundle::new().await;
    bundle.push("v2").await;
    bundle.push("v3").await;
    let (two, three) = tokio::join!(bundle.release("42", "v2", &[]), bundle.release("43", "v3", &[]));
    let ended = [two.code, three.code];
    assert!(ended.iter().filter(|code| **code == 0).count() <= 1, "{two:#?} {three:#?}");
    assert!(ended.iter().all(|code| [0, 3].contains(code)), "{two:#?} {three:#?}");
    let expected = match ended {
        [0, _] => "v2",
        [_, 0] => "v3",
        _ => "v1",
    };
    assert_eq!(bundle.versions().await, expected);
    // Whoever was refused leaves nothing that keeps the next one from going on.
    bundle.release("44", "v3", &[]).await.ended(0, &[]);
}

#[tokio::test]
async fn a_roll_by_somebody_else_is_named() {
    let bundle = Bundle::new().await;
    bundle.push("v2").await;
    bundle.stage.hold().await;
    let deploy =
        ["roll", "deploy", "--cluster", "main", "--service", "web", "--timeout", "1", "--image", &bundle.stage.image("v2")];
    bundle.stage.run(&deploy).await.ended(9, &[]);
    bundle.stage.world.gateway.reset_calls();
    bundle.release("42", "v2", &[]).await.ended(3, &["web is being rolled out already", "deployer roll wait"]);
    bundle.nothing_was_written();
}

#[tokio::test]
async fn a_first_update_that_is_denied_changes_nothing() {
    let bundle = Bundle::new().await;
    bundle.push("v2").await;
    bundle.stage.world.gateway.inject(Fault::once(At::Action("UpdateService".to_owned(), 1), FaultKind::AccessDenied));
    bundle.release("42", "v2", &[]).await.ended(4, &["ecs:UpdateService"]);
    assert_eq!(bundle.versions().await, "v1");
}
