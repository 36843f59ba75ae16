//! The fence: set before anything else, stood by through the wait, taken off where the run ends early.

use std::time::{Duration, Instant};

use local_aws::gateway::{At, Pause};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::deployer::stage::{BUILT, Stage};

const FENCE: &str = "bluegreen:build";

#[tokio::test]
async fn an_execution_fences_the_test_side_and_waits() {
    let stage = Stage::new().await;
    let began = Instant::now();
    stage.deployer(&["--execution", "exec-1", "--settle", "1"]).await.ended(0, &["is fenced; waiting 1 s: flips under way"]);
    assert!(began.elapsed() >= Duration::from_secs(1));
    let fence = stage.tag("shop-code2", FENCE).await.unwrap();
    let words: Vec<&str> = fence.split(' ').collect();
    assert_eq!(words[..3], ["v1", "exec-1", "v9"]);
    assert_eq!(words[3].len(), "2026-01-02T03:04:05Z".len());
    assert_eq!(stage.tag("shop-code1", FENCE).await, None);
    assert_eq!((stage.code("Code1"), stage.code("Code2")), ("v1".to_owned(), "v9".to_owned()));
}

#[tokio::test]
async fn the_longest_execution_and_tag_fit() {
    let stage = Stage::new().await;
    let (execution, tag) = ("e".repeat(100), "t".repeat(128));
    stage.write(&format!("{{\"tag\":\"{tag}\"}}"));
    stage.build_for(&execution).await.ended(0, &[]);
    assert_eq!(stage.code("Code2"), tag);
}

#[tokio::test]
async fn a_retry_finds_its_own_fence() {
    let stage = Stage::new().await;
    stage.build_for("exec-1").await.ended(0, &[]);
    let fence = stage.tag("shop-code2", FENCE).await;
    stage.write(BUILT);
    stage.build_for("exec-1").await.ended(0, &["fenced already, by an earlier run of this execution"]);
    assert_eq!(stage.tag("shop-code2", FENCE).await, fence);
    assert_eq!(stage.code("Code2"), "v9");
}

#[tokio::test]
async fn a_newer_build_takes_over_the_fence_that_another_execution_left() {
    let stage = Stage::new().await;
    stage.set_tag("shop-code2", FENCE, "v1 exec-1 v8 2026-01-02T03:04:05Z").await;
    stage.build_for("exec-2").await.ended(0, &["warning: taking over the fence of execution exec-1 (image v8"]);
    assert!(stage.tag("shop-code2", FENCE).await.unwrap().starts_with("v1 exec-2 v9 "));
    assert_eq!(stage.code("Code2"), "v9");
}

#[tokio::test]
async fn a_fence_that_was_taken_over_is_put_back_where_the_run_ends_early() {
    let stage = Stage::new().await;
    let theirs = "v1 exec-9 v8 2026-01-02T03:04:05Z";
    stage.set_tag("shop-code2", FENCE, theirs).await;
    let run = stage.deployer(&["--execution", "exec-1", "--settle", "0", "--output", "nowhere/out.json"]).await;
    run.ended(1, &["the fence of execution exec-9 was put back; its flip is allowed again"]);
    assert!(!run.err.contains("taken off again") && !run.err.contains("from now on"), "{run:?}");
    assert_eq!(stage.tag("shop-code2", FENCE).await.as_deref(), Some(theirs));
}

#[tokio::test]
async fn a_build_without_an_execution_tells_whose_fence_stands() {
    let stage = Stage::new().await;
    let theirs = "v1 exec-9 v8 2026-01-02T03:04:05Z";
    stage.set_tag("shop-code2", FENCE, theirs).await;
    let told = "execution exec-9 is rebuilding this side";
    stage.deployer(&[]).await.ended(0, &[told, "image v8, since 2026-01-02T03:04:05Z", "this build sets no fence"]);
    assert_eq!(stage.tag("shop-code2", FENCE).await.as_deref(), Some(theirs));
}

#[tokio::test]
async fn a_fence_that_was_taken_off_or_makes_no_sense_is_none() {
    let stage = Stage::new().await;
    for (execution, value) in [("exec-2", "-"), ("exec-3", "somebody wrote this by hand")] {
        stage.set_tag("shop-code2", FENCE, value).await;
        stage.build_for(execution).await.ended(0, &[]);
        assert!(stage.tag("shop-code2", FENCE).await.unwrap().starts_with(&format!("v1 {execution} v9 ")));
    }
}

/// The second look, held before it reads anything: rules of two listeners and the tags, all at once.
struct SecondLook([Pause; 3]);

impl SecondLook {
    fn held(stage: &Stage) -> Self {
        let calls = [("DescribeRules", 3), ("DescribeRules", 4), ("DescribeTags", 2)];
        Self(calls.map(|(action, number)| stage.world.gateway.pause_at(At::Action(action.to_owned(), number))))
    }

    async fn reached(&self) {
        for pause in &self.0 {
            pause.reached().await;
        }
    }
}

/// What happens while the deployer waits, and what it says.
async fn meanwhile(stage: &Stage, happens: impl Future<Output = ()>, words: &[&str]) {
    let second_look = SecondLook::held(stage);
    let run = stage.build_for("exec-2");
    let happens = async {
        second_look.reached().await;
        happens.await;
        drop(second_look);
    };
    let (run, ()) = tokio::join!(run, happens);
    run.ended(3, &[words, &["build.json was left as it was"]].concat());
    assert_eq!(stage.read(), BUILT);
    assert_eq!(stage.files(), ["build.json"]);
}

#[tokio::test]
async fn a_flip_between_the_two_looks_stops_the_build() {
    let stage = Stage::new().await;
    meanwhile(&stage, stage.flip("exec-1"), &["the live traffic moved from Code1", "to Code2"]).await;
    assert_eq!(stage.tag("shop-code2", FENCE).await.as_deref(), Some("-"), "the flip ended the fence");
}

#[tokio::test]
async fn half_a_flip_between_the_two_looks_stops_the_build_and_the_fence_goes() {
    let stage = Stage::new().await;
    let half = stage.set_default(80, &[("shop-code2", 100), ("shop-code1", 0)]);
    meanwhile(&stage, half, &["rules moved (port 80, default action forwards to Code2 100, Code1 0"]).await;
    assert_eq!(stage.tag("shop-code2", FENCE).await.as_deref(), Some("-"));
}

#[tokio::test]
async fn a_flip_that_has_only_begun_between_the_two_looks_stops_the_build() {
    let stage = Stage::new().await;
    meanwhile(&stage, stage.record("exec-1", "moving", "shop-code2", "shop-code1"), &["the newest is flip exec-1 (moving) now"])
        .await;
}

#[tokio::test]
async fn another_fence_between_the_two_looks_stops_the_build_and_stays() {
    let stage = Stage::new().await;
    let theirs = "v1 exec-3 v8 2026-01-02T03:04:05Z";
    meanwhile(&stage, stage.set_tag("shop-code2", FENCE, theirs), &["the fence around Code2 was changed"]).await;
    assert_eq!(stage.tag("shop-code2", FENCE).await.as_deref(), Some(theirs));
}

#[tokio::test]
async fn a_fence_taken_over_is_given_back_where_the_run_ends_early() {
    let stage = Stage::new().await;
    let theirs = "v1 exec-1 v8 2026-01-02T03:04:05Z";
    stage.set_tag("shop-code2", FENCE, theirs).await;
    let second_look = SecondLook::held(&stage);
    let run = stage.build_for("exec-2");
    let happens = async {
        second_look.reached().await;
        stage.set_tag("shop-code1", "Image", "v0").await;
        drop(second_look);
    };
    let (run, ()) = tokio::join!(run, happens);
    run.ended(3, &["the Image tag of shop-code1 changed"]);
    assert_eq!(stage.tag("shop-code2", FENCE).await.as_deref(), Some(theirs));
}

#[tokio::test]
async fn a_retry_after_its_own_flip_changes_neither_tag() {
    let stage = Stage::new().await;
    // With and without PromoteTo: the id of the flip differs, the execution does not.
    for id in ["exec-1", "exec-1@0123abcd"] {
        stage.write(BUILT);
        stage.flip(id).await;
        let run = stage.deployer(&["--execution", "exec-1"]).await;
        run.ended(0, &["made live by this very execution: neither image tag changes"]);
        assert_eq!(run.out, "Code2 (live) keeps v2, Code1 (test) keeps v1: wrote build.json\n");
        assert_eq!((stage.code("Code1"), stage.code("Code2")), ("v1".to_owned(), "v2".to_owned()));
        assert_eq!(stage.tag("shop-code1", FENCE).await, None, "nothing is rebuilt, so nothing is fenced");
    }
    // An execution whose id only begins alike is another one.
    stage.write(BUILT);
    stage.build_for("exec").await.ended(0, &[]);
    assert_eq!((stage.code("Code1"), stage.code("Code2")), ("v9".to_owned(), "v2".to_owned()));
}

#[tokio::test]
async fn a_retry_after_its_own_flip_knows_the_other_side_from_ecs_too() {
    let stage = Stage::new().await;
    stage.flip("exec-1").await;
    stage.remove_tag("shop-code1", "Image").await;
    stage.deployer(&["--execution", "exec-1"]).await.ended(3, &["the image of shop-code1 (test) is known from nowhere"]);
    assert_eq!(stage.read(), BUILT);
    stage.service("main", "shop", "shop-code1", "registry.example/shop:v5").await;
    stage.deployer(&["--execution", "exec-1"]).await.ended(0, &["taking v5"]);
    assert_eq!((stage.code("Code1"), stage.code("Code2")), ("v5".to_owned(), "v2".to_owned()));
}

#[tokio::test]
async fn ctrl_c_leaves_nothing_behind() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let stage = Stage::new().await;
        let mut command = tokio::process::Command::new(local_aws::world::binary("deployer"));
        command.env_clear().envs(stage.world.env_as("deployer")).env("ELB_NAME", "shop").env("EXECUTION_ID", "exec-1");
        let child = command.arg("--input").arg(stage.file()).stderr(std::process::Stdio::piped()).spawn().unwrap();
        while stage.tag("shop-code2", FENCE).await.is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        kill(Pid::from_raw(child.id().unwrap().try_into().unwrap()), signal).unwrap();
        let ended = child.wait_with_output().await.unwrap();
        let err = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(1), "{err}");
        assert!(err.contains("interrupted; nothing was written"), "{err}");
        assert_eq!(stage.read(), BUILT);
        assert_eq!(stage.files(), ["build.json"]);
        assert_eq!(stage.tag("shop-code2", FENCE).await.as_deref(), Some("-"), "{err}");
    }
}

#[tokio::test]
async fn a_result_that_cannot_be_written_takes_the_fence_off() {
    let stage = Stage::new().await;
    let run = stage.deployer(&["--execution", "exec-1", "--settle", "0", "--output", "nowhere/out.json"]).await;
    run.ended(1, &["nowhere/out.json cannot be written", "the fence around Code2 was taken off again"]);
    assert_eq!(stage.tag("shop-code2", FENCE).await.as_deref(), Some("-"));
    assert_eq!(stage.read(), BUILT);
}
