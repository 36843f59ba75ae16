//! The page of made-up and of faked projects: filters, order, refresh, JSON, metrics.

use std::io::Read;

use serde_json::Value;

use crate::fake::TOKEN;
use crate::harness::{Browser, Dashboard, until};
use crate::refresh::{STAGES, gitlab};

async fn demo() -> Dashboard {
    let dashboard = Dashboard::start(&[("REFRESH_SECONDS", "3600".into())], &["--demo"]).await;
    until("the first round ends", async || dashboard.said("\"refreshed\"")).await;
    dashboard
}

fn names(page: &str) -> Vec<String> {
    let links = page.split("<a href=\"/projects/").skip(1);
    links.map(|link| link.split('>').nth(1).unwrap().split('<').next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn groups_come_in_the_order_of_the_file() {
    let dashboard = demo().await;
    let page = Browser::new(&dashboard.url).get("/").await.body;
    assert_eq!(names(&page)[..4], ["orders", "payments", "checkout", "billing"]);
    assert_eq!(names(&page).len(), 24);
    let places: Vec<usize> = ["gitflow · backend", "gitflow · frontend", "trunk · infrastructure", "others"]
        .iter()
        .map(|title| page.find(&format!("{title} <small>")).unwrap())
        .collect();
    assert!(places.is_sorted(), "{places:?}");
}

#[tokio::test]
async fn every_filter_narrows_and_says_so_in_the_address() {
    let dashboard = demo().await;
    let mut browser = Browser::new(&dashboard.url);
    let all = names(&browser.get("/").await.body);
    for filter in [
        "q=sho",
        "group=gitflow",
        "category=infrastructure",
        "status=failed",
        "status=never",
        "status=blocked",
        "out=1",
        "q=V1.5",
        "q=release%2F",
    ] {
        let page = browser.get(&format!("/?{filter}")).await.body;
        let shown = names(&page);
        assert!(!shown.is_empty() && shown.len() < all.len(), "{filter}: {}", shown.len());
        let answer: Value = serde_json::from_str(&browser.get(&format!("/api/v1/projects?{filter}")).await.body).unwrap();
        let listed: Vec<&str> = answer["projects"].as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap()).collect();
        assert_eq!(listed, shown, "{filter}");
    }
    let none = browser.get("/?q=nothing+like+this").await.body;
    assert!(none.contains("No project fits this filter"));
    assert_eq!(names(&browser.get("/?unknown=1").await.body).len(), 24);
}

#[tokio::test]
async fn columns_sort_both_ways() {
    let dashboard = demo().await;
    let mut browser = Browser::new(&dashboard.url);
    let up = names(&browser.get("/?sort=name").await.body);
    let mut sorted = up.clone();
    sorted.sort();
    assert_eq!(up, sorted);
    sorted.reverse();
    assert_eq!(names(&browser.get("/?sort=-name").await.body), sorted);
    let page = browser.get("/?sort=production").await.body;
    assert!(page.contains("aria-sort=\"ascending\"") && page.contains("sort=-production"));
    assert!(
        page.contains("<option value=\"production\" selected>Newest in production first</option>"),
        "for screens without headings"
    );
    assert_eq!(names(&page).len(), 24);
    let behind: Value = serde_json::from_str(&browser.get("/api/v1/projects?sort=behind").await.body).unwrap();
    let furthest = |project: &Value| {
        let places = project["environments"].as_array().unwrap().iter().flat_map(|e| e["behind"].as_array().unwrap());
        places.filter_map(|b| b["commits"].as_u64()).max().unwrap_or(0)
    };
    let distances: Vec<u64> = behind["projects"].as_array().unwrap().iter().map(furthest).collect();
    assert!(distances.iter().rev().is_sorted() && distances[0] > 0, "{distances:?}");
}

#[tokio::test]
async fn refresh_now_reads_one_project_and_rests() {
    let gitlab = gitlab().await;
    gitlab.world().project(2, "team/other", &STAGES, 1);
    let mut settings = crate::harness::variables(&gitlab);
    settings.push(("REFRESH_SECONDS", "3600".into()));
    let dashboard = Dashboard::start(&settings, &[]).await;
    until("the first round ends", async || dashboard.said("\"refreshed\"")).await;
    gitlab.world().deploy(1, "production", 2, "success", Some("v9"));
    let mut program = Browser::new(&dashboard.url).token(TOKEN);
    assert_eq!(program.post("/api/v1/projects/1/refresh", &[]).await.status, 202);
    until("it is read", async || dashboard.environment(1, "production").await["version"] == "v9").await;
    let again = program.post("/api/v1/projects/1/refresh", &[]).await;
    assert_eq!(again.status, 429);
    assert!(again.body.contains("Try again in"), "{}", again.body);
    assert_eq!(program.post("/api/v1/projects/2/refresh", &[]).await.status, 202, "another project need not rest");
    assert_eq!(program.post("/api/v1/projects/77/refresh", &[]).await.status, 404);
    assert_eq!(program.get("/api/v1/projects/1/refresh").await.status, 405, "never by GET");
}

#[tokio::test]
async fn refresh_now_works_by_a_form() {
    let dashboard = demo().await;
    let mut browser = Browser::new(&dashboard.url);
    let token = browser.get("/").await.form_token();
    let answer = browser.post("/refresh", &[("project", "5"), ("token", &token)]).await;
    assert_eq!((answer.status.as_u16(), answer.location()), (303, "/"));
    until("it is read", async || dashboard.said("refreshed on request")).await;
    for (project, to, back) in
        [("6", "/?q=mail&out=1", "/?q=mail&out=1"), ("7", "//evil.example", "/"), ("8", "https://evil.example", "/")]
    {
        let answer = browser.post("/refresh", &[("project", project), ("token", &token), ("to", to)]).await;
        assert_eq!((answer.status.as_u16(), answer.location()), (303, back), "{to}");
    }
}

#[tokio::test]
async fn a_page_is_the_same_compressed_and_plain() {
    let dashboard = demo().await;
    let page = async |accepts: &str| {
        let asked = reqwest::Client::new().get(&dashboard.url).header("accept-encoding", accepts).send().await.unwrap();
        let packed = asked.headers().get("content-encoding").is_some_and(|encoding| encoding == "gzip");
        let bytes = asked.bytes().await.unwrap();
        let mut text = String::new();
        match packed {
            true => flate2::read::GzDecoder::new(&bytes[..]).read_to_string(&mut text).map(drop).unwrap(),
            false => text = String::from_utf8(bytes.to_vec()).unwrap(),
        }
        (packed, text)
    };
    // What is different is the token of the forms, which never comes twice.
    let without_token = |text: &str| {
        let (front, rest) = text.split_once("name=\"token\" value=\"").unwrap();
        format!("{front}{}", rest.split_once('"').unwrap().1)
    };
    let (packed, compressed) = page("br, gzip;q=0.5").await;
    assert!(packed);
    for accepts in ["identity", "gzip;q=0", "br"] {
        let (packed, plain) = page(accepts).await;
        assert!(!packed, "{accepts}");
        assert_eq!(without_token(&plain), without_token(&compressed), "{accepts}");
        assert_ne!(plain, compressed);
    }
}

#[tokio::test]
async fn a_project_has_its_history_and_key_figures() {
    let dashboard = demo().await;
    let mut browser = Browser::new(&dashboard.url);
    let page = browser.get("/projects/13").await.body;
    for text in [
        "<h2>production</h2>",
        "Key figures",
        "Commit to development",
        "development to production",
        "Job made to started",
        "a week",
        "Rolled back",
        "median of",
    ] {
        assert!(page.contains(text), "{text}");
    }
    let answer: Value = serde_json::from_str(&browser.get("/api/v1/projects/13").await.body).unwrap();
    assert_eq!(answer["figures"].as_array().unwrap().len(), 6);
    assert_eq!(browser.get("/projects/999").await.status, 404);
    assert_eq!(browser.get("/projects/x").await.status, 400);
}

#[tokio::test]
async fn flips_and_rolls_say_who_took_them_back() {
    let dashboard = demo().await;
    let mut browser = Browser::new(&dashboard.url);
    until("releases are read", async || Browser::new(&dashboard.url).get("/").await.body.contains("href=\"/releases\"")).await;
    let page = browser.get("/releases").await.body;
    for text in ["taken back", "by on-call", "exit code 3", "flip to Code2", "roll to worker:43", "release-manager"] {
        assert!(page.contains(text), "{text}");
    }
    let answer: Value = serde_json::from_str(&browser.get("/api/v1/releases").await.body).unwrap();
    let taken = answer["releases"].as_array().unwrap().iter().find(|r| r["outcome"] == "taken-back").unwrap();
    assert_eq!(
        (&taken["version"], &taken["taken_back_by"], &taken["by"]),
        (&"1.1".into(), &"on-call".into(), &"release-manager".into())
    );
}

#[tokio::test]
async fn metrics_and_log_say_what_happens() {
    let dashboard = demo().await;
    let mut browser = Browser::new(&dashboard.url);
    let answer = browser.send(reqwest::Method::GET, "/metrics", None, &[("x-request-id", "trace-me-0001")]).await;
    for line in
        ["dashboard_projects 24", "dashboard_refresh_rounds_total 1", "dashboard_gitlab_up 1", "# TYPE dashboard_projects gauge"]
    {
        assert!(answer.body.contains(line), "{line}");
    }
    assert_eq!(answer.headers["x-request-id"], "trace-me-0001");
    until("the request is logged", async || dashboard.said("trace-me-0001")).await;
    for line in dashboard.lines() {
        let line: Value = serde_json::from_str(&line).unwrap();
        assert!(line["message"].is_string() && line["timestamp"].is_string());
    }
}
