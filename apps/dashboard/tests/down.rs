//! GitLab slow, failing, throttling, away: rows never vanish, good data is never overwritten, and each row says how old it is.

use std::time::{Duration, Instant};

use crate::fake::world::Fault;
use crate::fake::{GitLab, TOKEN};
use crate::harness::{Browser, Dashboard, until, variables};
use crate::oauth::signed_in;
use crate::refresh::{STAGES, gitlab};
use crate::sign_in::set_up_with;

#[tokio::test]
async fn too_many_requests_with_a_time_are_waited_for() {
    let gitlab = gitlab().await;
    gitlab.world().faults.push(Fault {
        path: "/environments".into(),
        status: 429,
        retry_after: Some(2),
        wait: Duration::ZERO,
        times: 1,
    });
    let began = Instant::now();
    let dashboard = Dashboard::ready(&gitlab).await;
    assert!(began.elapsed() >= Duration::from_secs(2));
    assert_eq!(dashboard.environment(1, "production").await["version"], "v1.0.9");
    assert!(dashboard.said("too many requests"));
}

#[tokio::test]
async fn too_many_requests_without_a_time_are_waited_for() {
    let gitlab = gitlab().await;
    gitlab.world().fail("/environments", 429, 1);
    let began = Instant::now();
    let dashboard = Dashboard::ready(&gitlab).await;
    assert!(began.elapsed() >= Duration::from_secs(5));
    assert_eq!(dashboard.environment(1, "production").await["version"], "v1.0.9");
}

#[tokio::test]
async fn a_passing_failure_is_tried_again() {
    let gitlab = gitlab().await;
    gitlab.world().fail("/environments", 502, 2);
    let dashboard = Dashboard::ready(&gitlab).await;
    assert!(!dashboard.said("project not read"));
    assert_eq!(dashboard.environment(1, "production").await["version"], "v1.0.9");
}

#[tokio::test]
async fn one_broken_project_keeps_its_data_and_stops_no_other() {
    let gitlab = gitlab().await;
    gitlab.world().project(2, "team/other", &STAGES, 2);
    let dashboard = Dashboard::ready(&gitlab).await;
    gitlab.world().fail("projects/1/deployments", 500, usize::MAX);
    gitlab.world().deploy(2, "production", 1, "success", Some("v2"));
    until("the other is read", async || dashboard.environment(2, "production").await["version"] == "v2").await;
    until("the trouble is shown", async || dashboard.project(1).await["trouble"]["text"].is_string()).await;
    let broken = dashboard.project(1).await;
    assert_eq!(broken["environments"][2]["version"], "v1.0.9");
    assert!(broken["trouble"]["text"].as_str().unwrap().contains("projects/1/deployments (500)"), "{broken}");
    gitlab.world().faults.clear();
    until("the trouble is over", async || dashboard.project(1).await["trouble"].is_null()).await;
}

/// GitLab takes requests for a project's deployments and answers none.
fn hang(gitlab: &GitLab, project: u64) {
    let path = format!("projects/{project}/deployments");
    let wait = Duration::from_secs(3_600);
    gitlab.world().faults.push(Fault { path, status: 200, retry_after: None, wait, times: usize::MAX });
}

#[tokio::test]
async fn an_answer_that_does_not_come_holds_up_no_other_project() {
    let gitlab = gitlab().await;
    gitlab.world().project(2, "team/other", &STAGES, 2);
    let mut settings = variables(&gitlab);
    settings.push(("GITLAB_TIMEOUT_SECONDS", "1".into()));
    let dashboard = Dashboard::start(&settings, &[]).await;
    dashboard.refreshed().await;
    hang(&gitlab, 1);
    gitlab.world().deploy(2, "production", 1, "success", Some("v2"));
    until("the other is read", async || dashboard.environment(2, "production").await["version"] == "v2").await;
    until("the trouble is shown", async || dashboard.project(1).await["trouble"]["text"].is_string()).await;
    let late = dashboard.project(1).await;
    assert_eq!(late["trouble"]["text"], "GitLab did not answer projects/1/deployments in 1 s, 2 times.");
    assert_eq!(late["environments"][2]["version"], "v1.0.9");
    gitlab.world().faults.clear();
    until("the trouble is over", async || dashboard.project(1).await["trouble"].is_null()).await;
}

#[tokio::test]
async fn long_an_answer_is_waited_for_half_a_minute() {
    if std::env::var_os("LONG").is_none() {
        return;
    }
    let gitlab = gitlab().await;
    let dashboard = Dashboard::ready(&gitlab).await;
    let began = Instant::now();
    hang(&gitlab, 1);
    while dashboard.project(1).await["trouble"].is_null() {
        assert!(began.elapsed() < Duration::from_secs(300), "{:?}", dashboard.project(1).await);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(began.elapsed() >= Duration::from_secs(60), "{:?}", began.elapsed());
    assert_eq!(dashboard.project(1).await["trouble"]["text"], "GitLab did not answer projects/1/deployments in 30 s, 2 times.");
}

#[tokio::test]
async fn old_rows_are_marked_and_later_not_to_be_relied_on() {
    let (gitlab, _server, dashboard) = set_up_with(&[("STALE_SECONDS", "2")]).await;
    let browser = signed_in(&dashboard, "7").await;
    until("it is fresh", async || dashboard.project(1).await["freshness"] == "fresh").await;
    gitlab.world().fail("/projects", 503, usize::MAX);
    until("it is marked", async || dashboard.project(1).await["freshness"] == "soft").await;
    assert_eq!(dashboard.environment(1, "production").await["version"], "v1.0.9");
    until("it is not to be relied on", async || dashboard.project(1).await["freshness"] == "hard").await;
    let page = browser.again().get("/?status=stale").await.body;
    assert!(page.contains("too old to rely on") && page.contains("v1.0.9"), "{page}");
    assert!(page.contains("Shown is what was read before"), "{page}");
    gitlab.world().faults.clear();
    until("it is fresh again", async || browser.again().get("/?status=stale").await.body.contains("No project fits this filter"))
        .await;
}

#[tokio::test]
async fn a_restart_without_gitlab_shows_the_snapshot_and_its_age() {
    let gitlab = gitlab().await;
    let folder = tempfile::tempdir().unwrap();
    let mut settings = variables(&gitlab);
    let first = Dashboard::start_in(folder.path(), &settings, &[]).await;
    first.refreshed().await;
    drop(first);
    settings.retain(|(name, _)| *name != "GITLAB_URL");
    settings.push(("GITLAB_URL", format!("http://127.0.0.1:{}", crate::harness::free_port())));
    let second = Dashboard::start_in(folder.path(), &settings, &[]).await;
    assert_eq!(Browser::new(&second.url).get("/readyz").await.status, 200);
    until("the outage is logged", async || second.said("GitLab cannot be reached")).await;
    // Nobody can be checked without GitLab.
    let answer = Browser::new(&second.url).token(TOKEN).get("/api/v1/projects").await;
    assert_eq!(answer.status, 503);
    assert!(answer.body.contains("GitLab cannot be reached"), "{}", answer.body);
}

#[tokio::test]
async fn a_killed_dashboard_starts_with_what_it_had() {
    let gitlab = gitlab().await;
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..3 {
        // Dropping it kills it, in the middle of whatever it does.
        let dashboard = Dashboard::start_in(folder.path(), &variables(&gitlab), &[]).await;
        dashboard.refreshed().await;
    }
    gitlab.world().fail("/", 503, usize::MAX);
    let last = Dashboard::start_in(folder.path(), &variables(&gitlab), &[]).await;
    assert_eq!(Browser::new(&last.url).get("/readyz").await.status, 200);
}

#[tokio::test]
async fn a_refused_token_says_what_to_do() {
    let gitlab = gitlab().await;
    let mut settings = variables(&gitlab);
    settings.push(("GITLAB_ACCESS_TOKEN", "expired".into()));
    let dashboard = Dashboard::start(&settings, &[]).await;
    until("the log says so", async || dashboard.said("GitLab refuses GITLAB_ACCESS_TOKEN (401)")).await;
    let ready = Browser::new(&dashboard.url).get("/readyz").await;
    assert_eq!(ready.status, 503);
    assert!(ready.body.contains("read_api"), "{}", ready.body);
}

#[tokio::test]
async fn when_many_fail_in_a_row_the_round_stops() {
    let gitlab = GitLab::start().await;
    for id in 1..=40 {
        gitlab.world().project(id, &format!("team/p{id}"), &[], 0);
    }
    gitlab.world().fail("/environments", 503, usize::MAX);
    let dashboard = Dashboard::start(&variables(&gitlab), &[]).await;
    until("the round stops", async || dashboard.said("8 projects in a row")).await;
    assert!(gitlab.world().asked("/environments") < 60, "not all 40 were tried four times");
}

#[tokio::test]
async fn a_request_under_way_is_answered_before_the_end() {
    let gitlab = gitlab().await;
    let mut dashboard = Dashboard::ready(&gitlab).await;
    gitlab.world().faults.push(Fault {
        path: "/user".into(),
        status: 200,
        retry_after: None,
        wait: Duration::from_secs(1),
        times: 1,
    });
    let url = dashboard.url.clone();
    let asked = tokio::spawn(async move { Browser::new(&url).token(TOKEN).get("/api/v1/projects").await });
    until("GitLab is asked about the token", async || gitlab.world().asked("/user") == 1).await;
    std::process::Command::new("kill").arg(dashboard.id().to_string()).status().unwrap();
    assert_eq!(asked.await.unwrap().status, 200);
    assert_eq!(dashboard.ended().await, Some(0));
}
