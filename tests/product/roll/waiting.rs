//! Rolls that take long: what is shown meanwhile, and what becomes of one whose deployer ends.

use std::process::Stdio;
use std::time::Duration;

use local_aws::ecs::registry::Image;
use local_aws::world::{DEPLOYER_ROLE, binary};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::Stage;
use super::stage::Made;
use super::terminal::at_a_terminal;

const WAIT: Duration = Duration::from_secs(90);

/// Starts `deployer roll …`, whose lines of standard error are read as they come.
fn start(stage: &Stage, arguments: &[&str]) -> (Child, tokio::io::Lines<BufReader<tokio::process::ChildStderr>>) {
    let mut command = Command::new(binary(DEPLOYER_ROLE));
    command.env_clear().envs(stage.world.env_as(DEPLOYER_ROLE)).arg("roll").args(arguments).stdin(Stdio::null());
    let mut process = command.stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let lines = BufReader::new(process.stderr.take().unwrap()).lines();
    (process, lines)
}

/// Reads until a line holds these words as often as said: the lines so far.
async fn until(lines: &mut tokio::io::Lines<BufReader<tokio::process::ChildStderr>>, words: &str, times: usize) -> Vec<String> {
    let mut read: Vec<String> = Vec::new();
    let reading = async {
        while read.iter().filter(|line| line.contains(words)).count() < times {
            let line = lines.next_line().await.unwrap();
            read.push(line.unwrap_or_else(|| panic!("it ended before {words:?} came {times} times")));
        }
    };
    tokio::time::timeout(WAIT, reading).await.unwrap();
    read
}

/// The rest of the lines, and the exit code.
async fn end(mut process: Child, mut lines: tokio::io::Lines<BufReader<tokio::process::ChildStderr>>) -> (Option<i32>, String) {
    let reading = async {
        let mut rest = String::new();
        while let Some(line) = lines.next_line().await.unwrap() {
            rest.push_str(&line);
            rest.push('\n');
        }
        (process.wait().await.unwrap().code(), rest)
    };
    tokio::time::timeout(WAIT, reading).await.unwrap()
}

fn send(process: &Child, signal: Signal) {
    kill(Pid::from_raw(process.id().unwrap().try_into().unwrap()), signal).unwrap();
}

/// What is behind `what:` in the printed lines, as words of a command line without `deployer`.
fn command<'a>(shown: &'a str, what: &str) -> Vec<&'a str> {
    let line = shown.lines().find(|line| line.contains(what)).unwrap_or_else(|| panic!("no {what:?} in {shown}"));
    line.split_once("deployer ").unwrap().1.split_whitespace().collect()
}

#[tokio::test]
async fn time_up_is_no_failure_and_the_commands_go_on() {
    let stage = Stage::new().await;
    stage.push("v2").await;
    stage.hold().await;
    let run = stage.roll("deploy", &["--image", &stage.image("v2"), "--timeout", "1", "--json", "result.json"]).await;
    run.ended(9, &["time is up after 1 s", "main/web is still rolling", "to undo:        deployer roll back"]);
    let result: serde_json::Value = serde_json::from_str(&stage.read("result.json")).unwrap();
    assert_eq!((&result["outcome"], &result["exit"]), (&"rolling".into(), &9.into()));
    let go_on = command(&run.err, "to wait longer");
    assert!(go_on.contains(&"--deployment"), "{go_on:?}");
    stage.run(&[&go_on[..], &["--timeout", "1"]].concat()).await.ended(9, &["time is up after 1 s"]);
    stage.release().await;
    stage.run(&go_on).await.ended(0, &["was successful"]);
    assert_eq!(stage.revision().await, "web:2");
}

#[tokio::test]
async fn a_cancelled_job_leaves_the_roll_running_and_shows_life_until_then() {
    let stage = Stage::new().await;
    stage.push("v2").await;
    stage.hold().await;
    let (process, mut lines) = start(&stage, &["deploy", "--cluster", "main", "--service", "web", "--image", &stage.image("v2")]);
    // Nothing changes: the same line comes again after 30 seconds.
    let before = until(&mut lines, "rolling: 0 of 2 new tasks run", 2).await;
    let seconds = |line: &String| line.trim_start_matches('[').trim().split(' ').next().and_then(|text| text.parse::<u64>().ok());
    let said: Vec<u64> = before.iter().filter(|line| line.contains("rolling:")).filter_map(seconds).collect();
    assert!(said[1] - said[0] >= 30, "{before:?}");
    // What a CI system sends to a job that is cancelled.
    send(&process, Signal::SIGTERM);
    let (code, shown) = end(process, lines).await;
    assert_eq!(code, Some(1), "{shown}");
    assert!(shown.contains("goes on rolling without this command"), "{shown}");
    assert_eq!(stage.seen().await.deployments().len(), 2, "it rolls on");
    stage.release().await;
    stage.run(&command(&shown, "to go on waiting")).await.ended(0, &["was successful"]);
}

#[tokio::test]
async fn an_interrupt_leaves_the_roll_running_and_says_how_to_undo() {
    let stage = Stage::new().await;
    stage.push_image("v2", Image { sick: true, ..Image::default() }).await;
    stage.hold().await;
    let (process, mut lines) = start(&stage, &["deploy", "--cluster", "main", "--service", "web", "--image", &stage.image("v2")]);
    until(&mut lines, "rolling:", 1).await;
    send(&process, Signal::SIGINT);
    let (code, shown) = end(process, lines).await;
    assert_eq!(code, Some(1), "{shown}");
    stage.release().await;
    stage.run(&command(&shown, "to undo")).await.ended(0, &["main/web runs web:1 again"]);
}

#[tokio::test]
async fn at_a_terminal_a_bar_shows_how_far_it_is() {
    let stage = Stage::new().await;
    stage.push("v2").await;
    let image = stage.image("v2");
    let deploy = ["deploy", "--cluster", "main", "--service", "web", "--image", &image];
    let (code, shown) = at_a_terminal(&stage, &deploy, &[]).await;
    assert_eq!(code, 0, "{shown}");
    // Filled and empty parts of a bar, drawn over and over in one line; elsewhere there is none.
    assert!(shown.contains('█') && shown.contains("of 2 new tasks run") && shown.contains("\u{1b}["), "{shown}");
    let plain = stage.roll("deploy", &["--image", &image, "--force"]).await;
    assert!(plain.code == 0 && !plain.err.contains('█') && !plain.err.contains('\u{1b}'), "{plain:#?}");
}

#[tokio::test]
async fn the_number_of_tasks_may_change_while_a_service_rolls() {
    let stage = Stage::with(Made { desired: 1, ..Made::default() }).await;
    stage.push("v2").await;
    stage.hold().await;
    let (process, mut lines) = start(&stage, &["deploy", "--cluster", "main", "--service", "web", "--image", &stage.image("v2")]);
    until(&mut lines, "rolling: 0 of 1 new tasks run", 1).await;
    // What autoscaling does.
    stage.world.ecs().update_service().cluster("main").service("web").desired_count(3).send().await.unwrap();
    until(&mut lines, "of 3 new tasks run", 1).await;
    stage.release().await;
    let (code, shown) = end(process, lines).await;
    assert_eq!((code, stage.seen().await.running_count()), (Some(0), 3), "{shown}");
}
