//! What the dashboard costs with 500 projects × 6 environments, as a table: `bin/bench dashboard`.
//!
//! The real program against the fake GitLab of the tests, with sessions from a real OAuth2 server. It ends with 1 where a figure
//! misses its goal.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a benchmark says by a panic what it found")]
#![allow(dead_code, reason = "the tests' tools, of which it uses a part")]

#[path = "../tests/fake/mod.rs"]
mod fake;
#[path = "../tests/harness.rs"]
mod harness;
#[path = "../tests/oauth/mod.rs"]
mod oauth;
mod table;
mod views;

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use fake::GitLab;
use harness::{Browser, Dashboard, compressed, free_port, memory, variables};
use oauth::{OAuthServer, oauth, signed_in};
use table::Table;

/// How many people look.
const PEOPLE: u64 = 20;
/// Pages that are rendered anew, for their median.
const PAGES: usize = 21;

#[tokio::main]
async fn main() -> ExitCode {
    let mut table = Table::default();
    eprintln!("a GitLab with 500 projects × 6 environments, and the dashboard in front of it: about two minutes");
    let gitlab = GitLab::start().await;
    gitlab.world().five_hundred();
    let folder = tempfile::tempdir().unwrap();
    requests(&mut table, &gitlab, folder.path()).await;
    let (_server, dashboard) = restarted(&mut table, &gitlab, folder.path()).await;
    let mut people = Vec::new();
    for user in 1..=PEOPLE {
        people.push(cookie(&signed_in(&dashboard, &user.to_string()).await));
    }
    first_page(&mut table, &dashboard, &people[0]).await;
    table.row("memory: serves and refreshes in one", memory(dashboard.id()) as f64 / 1_000.0, "MB", Some(100.0));
    views::as_fast_as_it_goes(&mut table, &dashboard.url, &people).await;
    views::a_thousand_a_second(&mut table, &dashboard.url, &people).await;
    table.row("memory after that", memory(dashboard.id()) as f64 / 1_000.0, "MB", Some(100.0));
    table.print("The release dashboard, 500 projects × 6 environments");
    table.code()
}

/// The header of somebody who signed in.
fn cookie(browser: &Browser) -> String {
    format!("dashboard-session={}", browser.cookies["dashboard-session"])
}

/// The rounds that ended, by how many requests they took.
fn rounds(dashboard: &Dashboard) -> Vec<u64> {
    let lines = dashboard.lines().into_iter().filter(|line| line.contains("\"refreshed\""));
    lines.map(|line| serde_json::from_str::<serde_json::Value>(&line).unwrap()["requests"].as_u64().unwrap()).collect()
}

async fn round(dashboard: &Dashboard, count: usize) -> u64 {
    while rounds(dashboard).len() < count {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    rounds(dashboard)[count - 1]
}

/// The very first round, and a quiet one.
async fn requests(table: &mut Table, gitlab: &GitLab, folder: &Path) {
    let began = Instant::now();
    let dashboard = Dashboard::start_in(folder, &variables(gitlab), &[]).await;
    table.row("requests to GitLab, very first round", round(&dashboard, 1).await as f64, "", None);
    table.row("that round without a pause between requests", began.elapsed().as_secs_f64(), "s", None);
    table.row("requests to GitLab, quiet round (each minute)", round(&dashboard, 3).await as f64, "", None);
}

/// The round that reads everything anew, by a dashboard that then has a minute's pause.
async fn restarted(table: &mut Table, gitlab: &GitLab, folder: &Path) -> (OAuthServer, Dashboard) {
    let port = free_port();
    let server = oauth(gitlab, &format!("http://127.0.0.1:{port}/oauth/callback"));
    gitlab.world().members.extend(1..=PEOPLE);
    let mut settings = variables(gitlab);
    settings.retain(|(name, _)| *name != "REFRESH_SECONDS");
    settings.extend([("PORT", port.to_string()), ("FULL_SECONDS", "1".into())]);
    let dashboard = Dashboard::start_in(folder, &settings, &[]).await;
    table.row("requests to GitLab, full round (each 10 minutes)", round(&dashboard, 1).await as f64, "", None);
    (server, dashboard)
}

async fn first_page(table: &mut Table, dashboard: &Dashboard, cookie: &str) {
    let mut times = Vec::new();
    let (mut packed, mut plain) = (0, 0);
    for page in 0..PAGES {
        // An order that no page had before: nothing of it is in the cache.
        let (ms, bytes, text) = compressed(&format!("{}/?sort=new-{page}", dashboard.url), cookie).await;
        assert_eq!(text.matches("class=\"v\"").count(), 3_000);
        times.push(ms);
        (packed, plain) = (bytes, text.len());
    }
    times.sort_by(f64::total_cmp);
    table.row("first page, rendered anew, median of 21", times[PAGES / 2], "ms", Some(50.0));
    table.row("the slowest of them", times[PAGES - 1], "ms", None);
    table.row("first page, compressed", packed as f64 / 1_000.0, "kB", Some(200.0));
    table.row("first page, plain", plain as f64 / 1_000.0, "kB", None);
}
