//! What a stranger, another site, or a malicious name can do: nothing.

use reqwest::Method;

use crate::fake::TOKEN;
use crate::harness::{APPLICATION_SECRET, Browser, Dashboard, SESSION_SECRET, free_port, until};
use crate::oauth::{at_gitlab, oauth, signed_in};
use crate::refresh::{STAGES, gitlab};
use crate::sign_in::set_up;

#[tokio::test]
async fn without_a_session_every_route_is_closed() {
    let gitlab = gitlab().await;
    let dashboard = Dashboard::ready(&gitlab).await;
    let closed = [
        ("GET", "/", 303),
        ("GET", "/?q=a", 303),
        ("GET", "/projects/1", 303),
        ("GET", "/releases", 303),
        ("GET", "/api/v1/releases", 401),
        ("GET", "/metrics", 401),
        ("GET", "/api/v1/projects", 401),
        ("GET", "/api/v1/projects/1", 401),
        ("POST", "/api/v1/projects/1/refresh", 401),
        ("POST", "/refresh", 401),
        ("POST", "/sign-out", 401),
    ];
    let open = [
        ("GET", "/healthz", 200),
        ("GET", "/readyz", 200),
        ("GET", "/sign-in", 200),
        ("GET", "/oauth/start", 303),
        ("GET", "/oauth/callback", 400),
        ("GET", "/assets/style.css", 200),
        ("GET", "/assets/page.js", 200),
        ("GET", "/assets/icon.svg", 200),
        ("GET", "/nothing", 404),
    ];
    for cookie in [None, Some("invented"), Some("")] {
        for (method, path, status) in closed.iter().chain(&open) {
            let mut browser = Browser::new(&dashboard.url);
            if let Some(cookie) = cookie {
                browser.cookies.insert("dashboard-session".into(), cookie.into());
            }
            let body = (*method == "POST").then(|| "project=1&token=x".to_owned());
            let answer = browser.send(Method::from_bytes(method.as_bytes()).unwrap(), path, body, &[]).await;
            assert_eq!(answer.status.as_u16(), *status, "{method} {path} with {cookie:?}");
            assert!(!answer.body.contains("v1.0"), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn a_form_of_another_site_does_nothing() {
    let (gitlab, _server, dashboard) = set_up().await;
    let mut victim = signed_in(&dashboard, "7").await;
    gitlab.world().members.insert(8);
    let mut attacker = signed_in(&dashboard, "8").await;
    let foreign = attacker.get("/").await.form_token();
    for token in ["", "x", &foreign] {
        assert_eq!(victim.post("/refresh", &[("project", "1"), ("token", token)]).await.status, 403, "{token:?}");
    }
    assert_eq!(victim.post("/api/v1/projects/1/refresh", &[]).await.status, 401, "a cookie is not enough for the API's writes");
    assert!(!dashboard.said("refreshed on request"));
    let own = victim.get("/").await.form_token();
    assert_eq!(victim.post("/refresh", &[("project", "1"), ("token", &own)]).await.status, 303);
}

#[tokio::test]
async fn names_from_gitlab_are_text_and_never_markup() {
    let gitlab = gitlab().await;
    let evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>";
    {
        let mut world = gitlab.world();
        world.project(2, "team/evil", &STAGES, 2);
        world.deploy(2, "production", 0, "success", Some(evil));
        let project = world.projects.get_mut(&2).unwrap();
        project.name = evil.into();
        project.path = format!("team/{evil}");
        project.branches.push((format!("release/{evil}"), 1));
        project.environments.push((299, format!("prod{evil}"), "production"));
        project.deployments[0].user = evil.into();
    }
    let port = free_port();
    let _server = oauth(&gitlab, &format!("http://127.0.0.1:{port}/oauth/callback"));
    let mut settings = crate::harness::variables(&gitlab);
    settings.push(("PORT", port.to_string()));
    let dashboard = Dashboard::start(&settings, &[]).await;
    dashboard.refreshed().await;
    let mut browser = signed_in(&dashboard, "1").await;
    let query = url::form_urlencoded::byte_serialize(evil.as_bytes()).collect::<String>();
    for path in
        ["/".to_owned(), "/projects/2".into(), format!("/?q={query}"), format!("/?sort={query}&group={query}&status={query}")]
    {
        let body = browser.get(&path).await.body;
        assert!(!body.contains("<script>alert") && !body.contains("<img"), "{path}");
        assert!(!body.contains("onerror=alert(2)\""), "{path}");
    }
    assert!(browser.get("/").await.body.contains("&#60;script&#62;") || browser.get("/").await.body.contains("&lt;script&gt;"));
}

#[tokio::test]
async fn no_answer_sends_a_browser_to_another_host() {
    let (_gitlab, _server, dashboard) = set_up().await;
    for to in [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "/%0d%0alocation:https://evil.example",
        "javascript:alert(1)",
    ] {
        let mut browser = Browser::new(&dashboard.url);
        let query = url::form_urlencoded::byte_serialize(to.as_bytes()).collect::<String>();
        let page = browser.get(&format!("/sign-in?to={query}")).await;
        assert!(!page.body.contains("evil.example/\"") && !page.body.contains("javascript:"), "{to}: {}", page.body);
        let back = at_gitlab(&mut browser, &format!("/oauth/start?to={query}"), "7").await;
        let answer = browser.get(&back).await;
        assert_eq!(answer.status, 303);
        assert!(
            answer.location().starts_with('/') && !answer.location().starts_with("//") && !answer.location().contains('\\'),
            "{}",
            answer.location()
        );
    }
}

#[tokio::test]
async fn browsers_are_kept_careful() {
    let gitlab = gitlab().await;
    let dashboard = Dashboard::ready(&gitlab).await;
    for path in ["/", "/sign-in", "/api/v1/projects", "/nothing", "/oauth/callback"] {
        let answer = Browser::new(&dashboard.url).get(path).await;
        let header = |name: &str| answer.headers.get(name).map_or("", |value| value.to_str().unwrap());
        assert!(header("content-security-policy").starts_with("default-src 'none'"), "{path}");
        assert_eq!((header("x-content-type-options"), header("x-frame-options")), ("nosniff", "DENY"), "{path}");
        assert_eq!(header("cache-control"), "private, no-store", "{path}");
    }
    for id in ["a\tb", "short", &"x".repeat(65), "evil<script>"] {
        let answer = Browser::new(&dashboard.url).send(Method::GET, "/healthz", None, &[("x-request-id", id)]).await;
        assert_ne!(answer.headers["x-request-id"].to_str().unwrap(), id, "{id}");
    }
}

#[tokio::test]
async fn over_https_cookies_are_bound_to_the_host() {
    let gitlab = gitlab().await;
    let mut settings = crate::harness::variables(&gitlab);
    settings.push(("DASHBOARD_URL", "https://releases.example".into()));
    let dashboard = Dashboard::start(&settings, &[]).await;
    let answer = Browser::new(&dashboard.url).get("/oauth/start").await;
    let cookie = answer.headers["set-cookie"].to_str().unwrap();
    assert!(
        cookie.starts_with("__Host-dashboard-signin=") && cookie.contains("; Secure") && cookie.contains("Path=/;"),
        "{cookie}"
    );
    assert!(
        answer.location().contains("redirect_uri=https%3A%2F%2Freleases.example%2Foauth%2Fcallback"),
        "{}",
        answer.location()
    );
    assert!(answer.headers.contains_key("strict-transport-security"));
}

#[tokio::test]
async fn no_secret_is_in_a_log_a_page_or_the_snapshot() {
    let (gitlab, _server, dashboard) = set_up().await;
    gitlab.world().tokens.insert("glpat-of-a-member".into(), 7);
    gitlab.world().fail("projects/1/deployments", 500, 20);
    let mut browser = signed_in(&dashboard, "7").await;
    let session = browser.cookies["dashboard-session"].clone();
    Browser::new(&dashboard.url).token("glpat-of-a-member").get("/api/v1/projects").await;
    browser.get("/oauth/callback?code=a-code-in-an-address&state=x").await;
    until("an error is logged", async || dashboard.said("project not read")).await;
    let mut seen = dashboard.lines().join("\n");
    for path in ["/", "/projects/1", "/api/v1/projects", "/metrics", "/sign-in"] {
        seen += &browser.get(path).await.body;
    }
    let snapshot = std::fs::read(dashboard.data.join("dashboard.redb")).unwrap();
    seen += &String::from_utf8_lossy(&snapshot);
    for secret in [TOKEN, SESSION_SECRET, APPLICATION_SECRET, "glpat-of-a-member", &session, "a-code-in-an-address"] {
        assert!(!seen.contains(secret), "{secret} is in a log, a page or the snapshot");
    }
}
