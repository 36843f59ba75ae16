//! A pipeline that released, was taken back, and released by hand; and a service that was rolled.

use std::time::Duration;

use local_aws::load_balancer::PortPolicy;
use local_aws::pipeline::{CHECK_BUILD, Execution, FLIP_BUILD, Pipeline, ROLL_BACK};
use local_aws::world::{DEPLOYER_ROLE, HISTORY_POLICY, World};
use serde_json::Value;

/// An execution that builds `tag`, checks, is approved by `ann`, and flips; then `bob` takes it back.
pub async fn released_and_taken_back() -> Pipeline {
    let mut pipeline = Pipeline::start(PortPolicy::Free, |_| {}).await.unwrap();
    for tag in ["1.0", "1.1"] {
        let mut execution = Execution::begin();
        let built = pipeline.build(&mut execution, tag, Duration::ZERO).await.unwrap();
        pipeline.deploy(&built.images).await.unwrap();
        if tag == "1.1" {
            pipeline.invoke(&mut execution, &CHECK_BUILD).await.unwrap().variables().unwrap();
            pipeline.approve(&execution, "ann");
            pipeline.invoke(&mut execution, &FLIP_BUILD).await.unwrap().variables().unwrap();
            pipeline.approve(&execution, "bob");
            pipeline.invoke(&mut execution, &ROLL_BACK).await.unwrap().variables().unwrap();
        }
    }
    pipeline.world.set_policies(DEPLOYER_ROLE, &[HISTORY_POLICY]).unwrap();
    pipeline
}

/// Runs `deployer history`: its exit code, what it shows, what it complains of.
pub async fn history(world: &World, arguments: &[&str]) -> (i32, String, String) {
    let output = world.deployer(|command| {
        command.arg("history").args(arguments).env("CALL_TIMEOUT_MS", "20000");
    });
    let output = output.await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

/// The releases as JSON.
pub async fn releases(world: &World, arguments: &[&str]) -> Vec<Value> {
    let (code, out, err) = history(world, &[arguments, &["--json"]].concat()).await;
    assert_eq!(code, 0, "{err}");
    serde_json::from_str(&out).unwrap()
}
