//! 500 projects with 6 environments each: what the first page weighs, how long it takes, what the process needs.

use std::io::Read;
use std::time::Instant;

use crate::fake::{GitLab, TOKEN};
use crate::harness::{Browser, Dashboard, free_port, until, variables};
use crate::sign_in::{oauth, signed_in};

const SIX: [(&str, &str); 6] = [
    ("development", "development"),
    ("qa", "testing"),
    ("uat", "testing"),
    ("staging", "staging"),
    ("production", "production"),
    ("production-us", "production"),
];

async fn compressed(url: &str, cookie: &str) -> (f64, usize, String) {
    let client = reqwest::Client::new();
    let began = Instant::now();
    let answer = client.get(url).header("accept-encoding", "gzip").header("cookie", cookie).send().await.unwrap();
    let bytes = answer.bytes().await.unwrap();
    let ms = began.elapsed().as_secs_f64() * 1_000.0;
    let mut text = String::new();
    flate2::read::GzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
    (ms, bytes.len(), text)
}

/// Resident memory of a process in kB.
fn memory(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

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
    for id in 1..=500 {
        let mut world = gitlab.world();
        world.project(id, &format!("team/group{}/service-{id}", id % 9), &SIX, 40);
        for (at, (stage, _)) in SIX.iter().enumerate() {
            for commit in 0..4 {
                let tag = format!("v1.{id}.{}", commit + 30 - at * 3);
                world.deploy(id, stage, commit + 33 - at * 3 - id as usize % 3, "success", (at > 2).then_some(tag.as_str()));
            }
        }
    }
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_many_page_views() {
    if std::env::var_os("LONG").is_none() {
        return;
    }
    let dashboard = Dashboard::start(&[("REFRESH_SECONDS", "20".into())], &["--demo", "--projects", "500"]).await;
    until("all are read", async || dashboard.said("\"refreshed\"")).await;
    let client = reqwest::Client::new();
    let began = Instant::now();
    let mut views = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let (client, url) = (client.clone(), dashboard.url.clone());
        views.spawn(async move {
            let mut times = Vec::new();
            while began.elapsed().as_secs() < 10 {
                let began = Instant::now();
                let answer = client.get(&url).header("accept-encoding", "gzip").send().await.unwrap();
                assert_eq!(answer.status(), 200);
                answer.bytes().await.unwrap();
                times.push(began.elapsed());
            }
            times
        });
    }
    let mut times: Vec<_> = views.join_all().await.into_iter().flatten().collect();
    times.sort();
    let at = |part: usize| times[(times.len() - 1) * part / 1_000].as_secs_f64() * 1_000.0;
    println!("500 projects, 32 clients for 10 s on the same machine: {} page views a second", times.len() / 10);
    println!(
        "| median | 99 % | 99.9 % | slowest |\n|---|---|---|---|\n| {:.1} ms | {:.1} ms | {:.1} ms | {:.1} ms |",
        at(500),
        at(990),
        at(999),
        at(1_000)
    );
    println!("memory {} MB", memory(dashboard.id()) / 1_000);
}
