//! `--roll`, second part: four services and a task as one release, first with a bad image, then with good ones.

use std::path::Path;
use std::process::Output;

use anyhow::{Context, Result};

use super::rolling::{CLUSTER, REPOSITORY, SERVICE, create, define, expect, run};
use super::screen::Screen;
use crate::ecs::registry::{Image, Registry};
use crate::world::World;

/// The other services, each with its own tag: `1.3-indexer`.
const OTHERS: [&str; 3] = ["indexer", "ingester", "mailer"];
const TASK: &str = "deployment";

/// Plays it: what is not as it should be.
pub(super) async fn play(screen: &Screen, world: &World, registry: &Registry) -> Result<Vec<String>> {
    let repository = registry.repository(REPOSITORY);
    screen.heading("Four services and a task are one release");
    push(registry, "1.1", None).await?;
    for name in OTHERS {
        create(world, (name, 1), &format!("{repository}:1.1-{name}"), None).await?;
    }
    define(world, TASK, &format!("{repository}:1.1-{TASK}")).await?;
    let folder = tempfile::tempdir()?;
    let file = release_yml(&repository);
    std::fs::write(folder.path().join("release.yml"), &file)?;
    screen.tell("you", "write release.yml:");
    screen.quote(&file.lines().map(str::to_owned).collect::<Vec<_>>());
    let mut wrong = Vec::new();

    screen.heading("Release 1.3: one of its images is bad");
    push(registry, "1.3", Some("ingester")).await?;
    expect(6, &release(screen, world, folder.path(), "1.3").await?, &mut wrong);

    screen.heading("Release 1.4: all new, then the task");
    push(registry, "1.4", None).await?;
    expect(0, &release(screen, world, folder.path(), "1.4").await?, &mut wrong);
    Ok(wrong)
}

/// Pushes every image of a version, one of them bad.
async fn push(registry: &Registry, version: &str, bad: Option<&str>) -> Result<()> {
    registry.push(REPOSITORY, version, Image { version, ..Image::default() }).await?;
    for name in OTHERS {
        let command: &[&str] = if bad == Some(name) { &["sh", "-c", "echo FATAL: no queue; exit 3"] } else { &[] };
        registry.push(REPOSITORY, &format!("{version}-{name}"), Image { command, ..Image::default() }).await?;
    }
    let line = format!("echo reindexed for {version}");
    let command = ["sh", "-c", line.as_str()];
    registry.push(REPOSITORY, &format!("{version}-{TASK}"), Image { command: &command, ..Image::default() }).await.map(drop)
}

fn release_yml(repository: &str) -> String {
    let member =
        |name: &str, suffix: &str| format!("  - {{name: {name}, images: {{{name}: \"{repository}:${{tag}}{suffix}\"}}}}\n");
    let services: String = OTHERS.iter().map(|name| member(name, &format!("-{name}"))).collect();
    format!(
        "cluster: {CLUSTER}\nservices:\n{}{services}tasks:\n  - {{name: {TASK}, definition: {TASK}, like: {SERVICE}, after: services, images: {{{TASK}: \"{repository}:${{tag}}-{TASK}\"}}}}\ntogether: [[indexer, {TASK}]]\n",
        member(SERVICE, "")
    )
}

async fn release(screen: &Screen, world: &World, folder: &Path, version: &str) -> Result<Output> {
    let tag = format!("tag={version}");
    run(screen, world, folder, &["release", "--release", version, "--set", &tag]).await.context("deployer roll release")
}
