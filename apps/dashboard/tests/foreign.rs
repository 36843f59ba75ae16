//! GitLab's own clients against the fake GitLab: what it answers is what they expect.

use std::path::Path;
use std::process::Command;

use crate::fake::world::Fault;
use crate::fake::{GitLab, TOKEN};
use crate::harness::tools;
use crate::refresh::{STAGES, gitlab};

async fn many() -> GitLab {
    let gitlab = gitlab().await;
    for id in 2..=45 {
        gitlab.world().project(id, &format!("team/p{id}"), &STAGES, 2);
    }
    for _ in 0..25 {
        gitlab.world().deploy(1, "development", 2, "success", None);
    }
    gitlab.world().deploy(1, "production", 2, "failed", None);
    gitlab.world().projects.get_mut(&1).unwrap().branches.push(("release/1.1".into(), 1));
    gitlab.world().members.insert(7);
    gitlab.world().faults.push(Fault {
        path: "/user".into(),
        status: 429,
        retry_after: Some(1),
        wait: Default::default(),
        times: 1,
    });
    gitlab
}

async fn run(mut command: Command, gitlab: &GitLab) {
    command.env("GITLAB", &gitlab.url).env("TOKEN", TOKEN);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn python_gitlab_reads_the_fake() {
    let gitlab = many().await;
    let mut python = Command::new(tools().join("venv/bin/python"));
    python.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/foreign/python_gitlab.py"));
    run(python, &gitlab).await;
    assert!(gitlab.world().asked("/user") >= 2, "429 was tried again");
}

#[tokio::test]
async fn gitbeaker_reads_the_fake() {
    let gitlab = many().await;
    let mut node = Command::new("node");
    node.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/foreign/gitbeaker.mjs")).env("TOOLS", tools());
    run(node, &gitlab).await;
}
