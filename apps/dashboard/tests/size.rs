//! 500 projects with 6 environments each: what the first page weighs, what the process needs. Times: `bin/bench dashboard`.

use std::time::Instant;

use crate::fake::{GitLab, TOKEN};
use crate::harness::{Browser, Dashboard, compressed, free_port, memory, until, variables};
use crate::oauth::{oauth, signed_in};

#[tokio::test]
async fn five_hundred_made_up_projects_fit_a_light_page() {
    let dashboard = Dashboard::start(&[("REFRESH_SECONDS", "3600".into())], &["--demo", "--projects", "500"]).await;
    until("all are read", async || dashboard.said("\"refreshed\"")).await;
    let (ms, bytes, text) = compressed(&dashboard.url, "").await;
    println!(
        "500 made-up projects: first page {ms:.1} ms, {} kB compressed, {} kB plain, {} MB of memory",
        bytes / 1_000,
        text.len() / 1_000,
        memory(dashboard.id()) / 1_000
    );
    assert_eq!(text.matches("<tr").count(), 501 + text.matches("class=\"section\"").count());
    assert!(bytes < 200_000, "{bytes}");
    assert!(memory(dashboard.id()) < 100_000, "{} kB", memory(dashboard.id()));
}

#[tokio::test]
async fn long_five_hundred_projects_with_six_environments() {
    if std::env::var_os("LONG").is_none() {
        return;
    }
    let gitlab = GitLab::start().await;
    gitlab.world().five_hundred();
    let port = free_port();
    let _server = oauth(&gitlab, &format!("http://127.0.0.1:{port}/oauth/callback"));
    let mut settings = variables(&gitlab);
    settings.push(("PORT", port.to_string()));
    let dashboard = Dashboard::start(&settings, &[]).await;
    let rounds = || dashboard.lines().into_iter().filter(|line| line.contains("\"refreshed\"")).collect::<Vec<_>>();
    while rounds().len() < 3 {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    let requests = |round: usize| serde_json::from_str::<serde_json::Value>(&rounds()[round]).unwrap()["requests"].clone();
    println!("requests to GitLab: first round {}, quiet round {}", requests(0), requests(2));
    assert_eq!(requests(2), 505);
    let browser = signed_in(&dashboard, "1").await;
    let cookie = format!("dashboard-session={}", browser.cookies["dashboard-session"]);
    for page in ["first", "second"] {
        let (ms, bytes, text) = compressed(&dashboard.url, &cookie).await;
        println!("500 × 6, {page} page: {ms:.1} ms, {} kB compressed, {} kB plain", bytes / 1_000, text.len() / 1_000);
        assert_eq!(text.matches("class=\"v\"").count(), 3_000);
        assert!(bytes < 200_000, "{bytes}");
    }
    let began = Instant::now();
    let answer = Browser::new(&dashboard.url).token(TOKEN).get("/api/v1/projects").await;
    println!("API: {} kB in {} ms", answer.body.len() / 1_000, began.elapsed().as_millis());
    println!("memory {} MB", memory(dashboard.id()) / 1_000);
    assert!(memory(dashboard.id()) < 100_000, "{} kB", memory(dashboard.id()));
}
