//! Worlds are apart from each other, and leave nothing behind.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use local_aws::ministack::{Ministack, install};

use crate::{idle_pair, world};

#[tokio::test]
async fn two_worlds_do_not_see_each_other() {
    let (one, other) = (world().await, world().await);
    one.load_balancer("shop").pair(idle_pair("shop")).create().await.unwrap();
    assert_ne!(one.account(), other.account());
    assert_eq!(one.elb().describe_load_balancers().send().await.unwrap().load_balancers().len(), 1);
    assert!(other.elb().describe_load_balancers().send().await.unwrap().load_balancers().is_empty());
    // The same names once more: no conflict.
    other.load_balancer("shop").pair(idle_pair("shop")).create().await.unwrap();
}

#[tokio::test]
async fn ministack_listens_on_loopback_only() {
    let ministack = Ministack::shared(|_| {}).await.unwrap();
    assert!(ministack.address().ip().is_loopback());
    let sockets = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let port = format!(":{:04X}", ministack.address().port());
    let listening: Vec<&str> = sockets.lines().filter(|line| line.contains(&format!("{port} 00000000:0000 0A"))).collect();
    assert_eq!(listening.len(), 1, "{listening:?}");
    assert!(listening[0].contains("0100007F:"), "{listening:?}");
}

/// The child process of the next test: prints where its ministack is, and waits.
#[tokio::test]
#[ignore = "the other half of ministack_ends_with_the_process_that_started_it"]
async fn starts_ministack_and_waits() {
    let ministack = Ministack::shared(|_| {}).await.unwrap();
    println!("ministack {}", ministack.process_id());
    tokio::time::sleep(Duration::from_secs(600)).await;
}

#[test]
fn ministack_ends_with_the_process_that_started_it() {
    install(|_| {}).unwrap();
    let mut parent = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", "worlds::starts_ministack_and_waits"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(parent.stdout.take().unwrap());
    let process: u32 =
        output.lines().find_map(|line| line.unwrap().split_once("ministack ").map(|(_, id)| id.trim().parse().unwrap())).unwrap();
    assert!(is_running(process));
    // SIGKILL: nothing in the parent can clean up.
    parent.kill().unwrap();
    parent.wait().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while is_running(process) {
        assert!(Instant::now() < deadline, "ministack {process} outlived its parent");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn is_running(process: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{process}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}
