//! What the refresher reads, what it asks GitLab for, and what it shows.

use serde_json::{Value, json};

use crate::fake::GitLab;
use crate::fake::world::sha;
use crate::harness::{Dashboard, until, variables};

pub const STAGES: [(&str, &str); 3] = [("development", "development"), ("staging", "staging"), ("production", "production")];

/// One project: 1.0 in production, 1.1 in staging, a newer commit in development, and one that nobody deployed.
pub async fn gitlab() -> GitLab {
    let gitlab = GitLab::start().await;
    {
        let mut world = gitlab.world();
        world.project(1, "team/shop", &STAGES, 3);
        world.deploy(1, "production", 0, "success", Some("v1.0.9"));
        world.deploy(1, "staging", 1, "success", Some("v1.0.10"));
        world.deploy(1, "development", 2, "success", None);
        world.commit(1);
    }
    gitlab
}

fn behind(environment: &Value) -> Vec<(String, Option<u64>)> {
    let list = environment["behind"].as_array().unwrap();
    list.iter().map(|b| (b["of"].as_str().unwrap().to_owned(), b["commits"].as_u64())).collect()
}

fn versions(project: &Value) -> Vec<Option<&str>> {
    project["environments"].as_array().unwrap().iter().map(|e| e["version"].as_str()).collect()
}

#[tokio::test]
async fn a_row_shows_versions_and_distances() {
    let gitlab = gitlab().await;
    let dashboard = Dashboard::ready(&gitlab).await;
    let project = dashboard.project(1).await;
    assert_eq!(versions(&project), [Some(&sha(1, 2)[..8]), Some("v1.0.10"), Some("v1.0.9")]);
    let environments = project["environments"].as_array().unwrap();
    assert_eq!(behind(&environments[0]), [("main".into(), Some(1))]);
    assert_eq!(behind(&environments[1]), [("development".into(), Some(1)), ("main".into(), Some(2))]);
    assert_eq!(behind(&environments[2]), [("staging".into(), Some(1)), ("main".into(), Some(3))]);
    assert_eq!(project["out_of_step"], true);
    assert_eq!(environments[2]["deployed"]["by"], "release-bot");
    assert_eq!(environments[2]["deployed"]["job"], format!("{}/team/shop/-/jobs/7001", gitlab.url));
}

#[tokio::test]
async fn a_roll_back_shows_what_runs_and_not_the_newest() {
    let gitlab = gitlab().await;
    let dashboard = Dashboard::ready(&gitlab).await;
    gitlab.world().deploy(1, "production", 1, "success", Some("v1.0.10"));
    until("1.0.10 in production", async || dashboard.environment(1, "production").await["version"] == "v1.0.10").await;
    gitlab.world().deploy(1, "production", 0, "success", Some("v1.0.9"));
    until("rolled back", async || dashboard.environment(1, "production").await["version"] == "v1.0.9").await;
    until("compared", async || behind(&dashboard.environment(1, "production").await)[0] == ("staging".into(), Some(1))).await;
    let figures = dashboard.project(1).await["figures"].clone();
    let rolled_back = figures.as_array().unwrap().iter().find(|f| f["name"] == "Rolled back").unwrap();
    assert!(rolled_back["from"].as_str().unwrap().starts_with("1 of 5"), "{rolled_back}");
    // A restart reads everything anew and says the same.
    let again = Dashboard::ready(&gitlab).await;
    assert_eq!(again.environment(1, "production").await["version"], "v1.0.9");
}

#[tokio::test]
async fn a_running_and_a_failed_deployment_stand_beside_what_runs() {
    let gitlab = gitlab().await;
    let dashboard = Dashboard::ready(&gitlab).await;
    let id = gitlab.world().deploy(1, "production", 1, "running", Some("v1.0.10"));
    until("running", async || dashboard.environment(1, "production").await["attempt"]["status"] == "running").await;
    assert_eq!(dashboard.environment(1, "production").await["version"], "v1.0.9");
    gitlab.world().finish(1, id, "failed");
    until("failed", async || dashboard.environment(1, "production").await["attempt"]["status"] == "failed").await;
    assert_eq!(dashboard.environment(1, "production").await["version"], "v1.0.9");
    gitlab.world().deploy(1, "production", 1, "success", Some("v1.0.10"));
    until("deployed", async || dashboard.environment(1, "production").await["attempt"].is_null()).await;
    assert_eq!(dashboard.environment(1, "production").await["version"], "v1.0.10");
}

#[tokio::test]
async fn a_never_deployed_environment_is_shown() {
    let gitlab = GitLab::start().await;
    gitlab.world().project(1, "team/new", &STAGES, 1);
    gitlab.world().project(2, "team/empty", &[], 0);
    let dashboard = Dashboard::ready(&gitlab).await;
    assert_eq!(versions(&dashboard.project(1).await), [None, None, None]);
    assert_eq!(dashboard.project(2).await["environments"], json!([]));
}

#[tokio::test]
async fn a_renamed_project_keeps_its_row_and_a_removed_one_leaves() {
    let gitlab = gitlab().await;
    gitlab.world().project(2, "team/old", &STAGES, 1);
    let dashboard = Dashboard::ready(&gitlab).await;
    gitlab.world().projects.get_mut(&1).unwrap().path = "team/store".into();
    gitlab.world().projects.remove(&2);
    dashboard.refreshed().await;
    assert_eq!(dashboard.project(1).await["path"], "team/store");
    assert_eq!(dashboard.project(1).await["environments"][2]["version"], "v1.0.9");
    assert_eq!(dashboard.project(2).await["error"], "Unknown project");
}

#[tokio::test]
async fn a_new_environment_appears_with_its_first_deployment() {
    let gitlab = gitlab().await;
    let dashboard = Dashboard::ready(&gitlab).await;
    gitlab.world().projects.get_mut(&1).unwrap().environments.push((199, "review/7".into(), "development"));
    gitlab.world().deploy(1, "review/7", 2, "success", None);
    until("the review app", async || dashboard.environment(1, "review/7").await["version"].is_string()).await;
}

#[tokio::test]
async fn a_quiet_round_costs_one_request_a_project() {
    let gitlab = gitlab().await;
    for id in 2..=10 {
        let mut world = gitlab.world();
        world.project(id, &format!("team/p{id}"), &STAGES, 3);
        for (stage, _) in STAGES {
            world.deploy(id, stage, 2, "success", Some("v1"));
        }
    }
    let dashboard = Dashboard::ready(&gitlab).await;
    // 10 projects: list, branches, environments, deployments twice; tags for the one with a version without a tag; 5 compares.
    let first: Value =
        serde_json::from_str(&dashboard.lines().into_iter().find(|line| line.contains("\"refreshed\"")).unwrap()).unwrap();
    assert_eq!(first["requests"], 1 + 10 * 4 + 1 + 5, "{:#?}", gitlab.world().requests);
    let last: Value =
        serde_json::from_str(&dashboard.lines().into_iter().rfind(|line| line.contains("\"refreshed\"")).unwrap()).unwrap();
    assert_eq!(last["requests"], 1 + 10);
    assert_eq!(gitlab.world().asked("/compare"), 5, "a pair is compared once");
}

#[tokio::test]
async fn compares_outlive_a_restart() {
    let gitlab = gitlab().await;
    let folder = tempfile::tempdir().unwrap();
    let variables = variables(&gitlab);
    let first = Dashboard::start_in(folder.path(), &variables, &[]).await;
    first.refreshed().await;
    drop(first);
    let compares = gitlab.world().asked("/compare");
    let second = Dashboard::start_in(folder.path(), &variables, &[]).await;
    second.refreshed().await;
    assert_eq!((compares, gitlab.world().asked("/compare")), (5, 5));
}

#[tokio::test]
async fn long_lists_are_read_to_their_end() {
    let gitlab = gitlab().await;
    for id in 2..=120 {
        gitlab.world().project(id, &format!("team/p{id}"), &[], 0);
    }
    for _ in 0..130 {
        gitlab.world().deploy(1, "development", 2, "success", None);
    }
    let dashboard = Dashboard::ready(&gitlab).await;
    let answer = crate::harness::Browser::new(&dashboard.url).token(crate::fake::TOKEN).get("/api/v1/projects").await;
    let answer: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(answer["of"], 120);
    // Production's only deployment is older than the newest hundred.
    assert_eq!(dashboard.environment(1, "production").await["version"], "v1.0.9");
}

#[tokio::test]
async fn priority_projects_are_read_first() {
    let gitlab = gitlab().await;
    for id in 2..=30 {
        gitlab.world().project(id, &format!("team/p{id:02}"), &STAGES, 1);
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("priority_project_ids.yml"), "gitflow:\n  backend: [29]\ntrunk:\n  web: [17]\n").unwrap();
    let dashboard = Dashboard::start_in(folder.path(), &variables(&gitlab), &[]).await;
    dashboard.refreshed().await;
    let order: Vec<String> = gitlab.world().requests.iter().filter(|r| r.contains("/branches")).take(4).cloned().collect();
    let first = |id: &str| order.iter().any(|request| request.contains(&format!("projects/{id}/")));
    assert!(first("29") && first("17"), "{order:?}");
    assert_eq!(dashboard.project(29).await["group"], "gitflow");
}

#[tokio::test]
async fn the_priority_file_is_read_again_and_a_bad_one_is_named() {
    let gitlab = gitlab().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("priority_project_ids.yml");
    std::fs::write(&file, "gitflow:\n  backend: [1]\n").unwrap();
    let dashboard = Dashboard::start_in(folder.path(), &variables(&gitlab), &[]).await;
    dashboard.refreshed().await;
    assert_eq!(dashboard.project(1).await["category"], "backend");
    std::fs::write(&file, "gitflow:\n  backend: [1, one]\n").unwrap();
    until("the error is logged", async || dashboard.said("priority_project_ids.yml, line 2")).await;
    assert_eq!(dashboard.project(1).await["category"], "backend", "the last good file stays");
    std::fs::write(&file, "trunk:\n  web: [1]\n").unwrap();
    until("the new file", async || dashboard.project(1).await["category"] == "web").await;
}
