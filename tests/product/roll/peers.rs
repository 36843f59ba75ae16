//! `LONG=1`: a tool that many use, on the same work: who says what. A table, and what ours must say.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::Command;

use super::Stage;
use super::stage::Made;

/// fabfuel/ecs-deploy, the most used one on PyPI.
const PEER: &str = "ecs-deploy==1.17.0";
/// How long either of them waits.
const PATIENCE: u64 = 40;

/// The peer's program, in a virtual environment beside the build.
async fn peer() -> PathBuf {
    let folder = local_aws::ministack::target_folder().join("peers");
    let program = folder.join("bin/ecs");
    if !program.exists() {
        let run = async |program: &str, arguments: &[&str]| {
            let status = Command::new(program).args(arguments).status().await.unwrap();
            assert!(status.success(), "{program} {arguments:?}: {status}");
        };
        run("python3", &["-m", "venv", folder.to_str().unwrap()]).await;
        run(folder.join("bin/python").to_str().unwrap(), &["-m", "pip", "install", "--quiet", PEER]).await;
    }
    program
}

/// What is rolled out, and on what service.
#[derive(Clone, Copy, Debug)]
enum Work {
    /// An image that cannot be pulled, with a circuit breaker that rolls back.
    RolledBack,
    /// Tasks that exit, without a breaker.
    CrashLoop,
    /// A service of no tasks.
    Zero,
}

async fn stage(work: Work) -> Stage {
    let made = match work {
        Work::RolledBack => Made::default(),
        Work::CrashLoop => Made { breaker: false, ..Made::default() },
        Work::Zero => Made { desired: 0, ..Made::default() },
    };
    let stage = Stage::with(made).await;
    match work {
        Work::CrashLoop => drop(stage.push_running("v2", "exit 3").await),
        Work::RolledBack => {
            stage.push("v2").await;
            stage.registry.delete("shop/web", "v2").await.unwrap();
        }
        Work::Zero => drop(stage.push("v2").await),
    }
    stage
}

async fn theirs(work: Work) -> (i32, u64, String) {
    let stage = stage(work).await;
    let began = Instant::now();
    let mut command = Command::new(peer().await);
    command.args(["deploy", "main", "web", "--image", "web", &stage.image("v2"), "--timeout", &PATIENCE.to_string()]);
    command.env_clear().envs(stage.world.env_as("any")).env("LC_ALL", "C.UTF-8").stdin(Stdio::null()).kill_on_drop(true);
    let ended = tokio::time::timeout(Duration::from_secs(4 * PATIENCE), command.output()).await;
    let code = ended.map_or(-1, |output| output.unwrap().status.code().unwrap_or(-1));
    (code, began.elapsed().as_secs(), stage.revision().await)
}

async fn ours(work: Work) -> (i32, u64, String) {
    let stage = stage(work).await;
    let began = Instant::now();
    let run = stage.roll("deploy", &["--image", &stage.image("v2"), "--no-pin", "--timeout", &PATIENCE.to_string()]).await;
    (run.code, began.elapsed().as_secs(), stage.revision().await)
}

#[tokio::test]
async fn a_peer_and_ours_on_the_same_work() {
    if std::env::var_os("LONG").is_none() {
        return;
    }
    println!("{:<11} {:<10} {:>4} {:>7} runs in the end", "work", "who", "exit", "seconds");
    for (work, right) in [(Work::RolledBack, 6), (Work::CrashLoop, 6), (Work::Zero, 0)] {
        for (who, (code, seconds, runs)) in [("ecs-deploy", theirs(work).await), ("deployer", ours(work).await)] {
            println!("{:<11} {who:<10} {code:>4} {seconds:>7} {runs}", format!("{work:?}"));
            assert!(who != "deployer" || code == right, "{work:?}: exit code {code}, expected {right}");
        }
    }
}
