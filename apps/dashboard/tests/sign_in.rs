//! Signing in with an OAuth2 server that nobody here wrote: from the page without a cookie to the page, and every way that fails.

use std::time::{Duration, Instant};

use crate::fake::GitLab;
use crate::harness::{Answer, Browser, Dashboard, free_port, variables};
use crate::oauth::{OAuthServer, at_gitlab, oauth, signed_in};
use crate::refresh::gitlab;

/// A GitLab with members 1 and 7, its OAuth2 server, and a dashboard.
pub async fn set_up() -> (GitLab, OAuthServer, Dashboard) {
    set_up_with(&[]).await
}

/// The same with more settings.
pub async fn set_up_with(more: &[(&'static str, &str)]) -> (GitLab, OAuthServer, Dashboard) {
    let gitlab = gitlab().await;
    gitlab.world().members.insert(7);
    let port = free_port();
    let server = oauth(&gitlab, &format!("http://127.0.0.1:{port}/oauth/callback"));
    let mut settings = variables(&gitlab);
    settings.push(("PORT", port.to_string()));
    settings.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
    let dashboard = Dashboard::start(&settings, &[]).await;
    dashboard.refreshed().await;
    (gitlab, server, dashboard)
}

#[tokio::test]
async fn from_a_page_without_a_cookie_to_that_page() {
    let (gitlab, _server, dashboard) = set_up().await;
    let mut browser = Browser::new(&dashboard.url);
    let first = browser.get("/?q=shop&out=1").await;
    assert_eq!(first.status, 303);
    let sign_in = browser.get(first.location()).await;
    assert!(sign_in.body.contains("Sign in with GitLab"));
    let start = sign_in
        .body
        .split("href=\"/oauth/start")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .replace("&amp;", "&")
        .replace("&#38;", "&");
    let back = at_gitlab(&mut browser, &format!("/oauth/start{start}"), "7").await;
    let answer = browser.get(&back).await;
    assert_eq!(answer.location(), "/?q=shop&out=1", "{}", answer.body);
    let page = browser.get(answer.location()).await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("user7") && page.body.contains("v1.0.10"));
    let asked: Vec<String> = gitlab.world().requests.iter().filter(|r| r.contains("members")).cloned().collect();
    assert_eq!(asked, ["/groups/team/members/all/7"]);
    assert!(dashboard.said("\"signed in\"") && dashboard.said("\"user\":\"user7\""));
}

#[tokio::test]
async fn the_way_to_gitlab_has_state_and_pkce() {
    let (gitlab, _server, dashboard) = set_up().await;
    let mut browser = Browser::new(&dashboard.url);
    let (first, second) = (browser.get("/oauth/start").await, browser.get("/oauth/start").await);
    for part in ["code_challenge_method=S256", "code_challenge=", "state=", "scope=openid", "response_type=code"] {
        assert!(first.location().starts_with(&gitlab.url) && first.location().contains(part), "{part}: {}", first.location());
    }
    let state = |answer: &Answer| answer.location().split("state=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    assert_ne!(state(&first), state(&second));
    let cookie = first.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
}

#[tokio::test]
async fn a_stranger_is_named_and_gets_no_session() {
    let (_gitlab, _server, dashboard) = set_up().await;
    let mut browser = Browser::new(&dashboard.url);
    let back = at_gitlab(&mut browser, "/oauth/start", "666").await;
    let answer = browser.get(&back).await;
    assert_eq!(answer.status, 403);
    assert!(answer.body.contains("@user666, who is no member of team"), "{}", answer.body);
    assert!(!browser.cookies.contains_key("dashboard-session"));
    assert_eq!(browser.get("/").await.status, 303);
}

#[tokio::test]
async fn a_code_is_good_once_and_in_its_browser_only() {
    let (_gitlab, _server, dashboard) = set_up().await;
    let mut browser = Browser::new(&dashboard.url);
    let back = at_gitlab(&mut browser, "/oauth/start", "7").await;
    let mut thief = Browser::new(&dashboard.url);
    assert_eq!(thief.get(&back).await.status, 400, "another browser");
    assert_eq!(browser.get(&back).await.status, 400, "the state is used up by the first try");
    let again = at_gitlab(&mut browser, "/oauth/start", "7").await;
    assert_eq!(browser.get(&again).await.status, 303);
    assert_eq!(browser.get(&again).await.status, 400, "replayed");
}

#[tokio::test]
async fn wrong_ways_back_do_nothing() {
    let (_gitlab, _server, dashboard) = set_up().await;
    let mut browser = Browser::new(&dashboard.url);
    let state = |answer: Answer| answer.location().split("state=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    for back in [
        "/oauth/callback",
        "/oauth/callback?code=a",
        "/oauth/callback?code=a&state=b",
        "/oauth/callback?state=%00&code=%0d%0aset-cookie:x",
    ] {
        let answer = browser.get(back).await;
        assert_eq!(answer.status, 400, "{back}");
        assert!(answer.headers.get("set-cookie").is_none(), "{back}");
    }
    let begun = state(browser.get("/oauth/start").await);
    let wrong_code = browser.get(&format!("/oauth/callback?code=invented&state={begun}")).await;
    assert_eq!(wrong_code.status, 400);
    assert!(wrong_code.body.contains("did not accept the code"), "{}", wrong_code.body);
    let begun = state(browser.get("/oauth/start").await);
    let denied = browser.get(&format!("/oauth/callback?error=access_denied&state={begun}")).await;
    assert_eq!(denied.status, 403);
    assert!(denied.body.contains("You did not allow it"));
}

#[tokio::test]
async fn without_gitlab_nobody_new_gets_in_and_who_is_in_stays() {
    let (gitlab, server, dashboard) = set_up().await;
    let mut inside = signed_in(&dashboard, "7").await;
    let mut outside = Browser::new(&dashboard.url);
    let back = at_gitlab(&mut outside, "/oauth/start", "1").await;
    drop(server);
    gitlab.world().fail("/", 503, usize::MAX);
    let answer = outside.get(&back).await;
    assert_eq!(answer.status, 503);
    assert!(answer.body.contains("Try again in a minute"), "{}", answer.body);
    assert_eq!(inside.get("/").await.status, 200);
}

#[tokio::test]
async fn a_membership_that_is_withdrawn_ends_the_session() {
    let (gitlab, _server, dashboard) = set_up_with(&[("MEMBERSHIP_SECONDS", "1")]).await;
    let mut browser = signed_in(&dashboard, "7").await;
    assert_eq!(browser.get("/").await.status, 200);
    gitlab.world().members.remove(&7);
    let mut last = browser.get("/").await;
    while last.status == 200 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        last = browser.get("/").await;
    }
    assert_eq!(last.status, 403);
    assert!(last.body.contains("no longer a member of team"), "{}", last.body);
    gitlab.world().members.insert(7);
    assert_eq!(browser.get("/").await.status, 303, "the session does not come back");
}

#[tokio::test]
async fn signing_out_ends_the_session_everywhere() {
    let (_gitlab, _server, dashboard) = set_up().await;
    let mut browser = signed_in(&dashboard, "7").await;
    let stolen = browser.cookies.clone();
    let token = browser.get("/").await.form_token();
    let without = browser.post("/sign-out", &[("token", "wrong")]).await;
    assert_eq!(without.status, 403);
    assert_eq!(browser.get("/").await.status, 200);
    assert_eq!(browser.post("/sign-out", &[("token", &token)]).await.status, 303);
    assert!(!browser.cookies.contains_key("dashboard-session"));
    let mut thief = Browser::new(&dashboard.url);
    thief.cookies = stolen;
    assert_eq!(thief.get("/").await.status, 303);
}

#[tokio::test]
async fn a_sign_in_gives_a_new_session_id() {
    let (_gitlab, _server, dashboard) = set_up().await;
    let mut browser = signed_in(&dashboard, "7").await;
    let old = browser.cookies.clone();
    let back = at_gitlab(&mut browser, "/oauth/start", "7").await;
    browser.get(&back).await;
    assert_ne!(browser.cookies["dashboard-session"], old["dashboard-session"]);
    let mut earlier = Browser::new(&dashboard.url);
    earlier.cookies = old;
    assert_eq!(earlier.get("/").await.status, 303, "the earlier one is over");
}

#[tokio::test]
async fn programs_come_with_a_members_token() {
    let (gitlab, _server, dashboard) = set_up().await;
    gitlab.world().tokens.insert("glpat-member".into(), 7);
    gitlab.world().tokens.insert("glpat-stranger".into(), 666);
    for (token, status) in [("glpat-member", 200), ("glpat-stranger", 401), ("glpat-invented", 401)] {
        let answer = Browser::new(&dashboard.url).token(token).get("/api/v1/projects").await;
        assert_eq!(answer.status, status, "{token}: {}", answer.body);
        assert!(!answer.body.contains(token));
    }
    let bearer = Browser::new(&dashboard.url)
        .send(reqwest::Method::GET, "/metrics", None, &[("authorization", "Bearer glpat-member")])
        .await;
    assert!(bearer.body.contains("dashboard_projects 1"), "{}", bearer.body);
    let asked = gitlab.world().asked("/user");
    Browser::new(&dashboard.url).token("glpat-member").get("/api/v1/projects").await;
    assert_eq!(gitlab.world().asked("/user"), asked, "a checked token is remembered for a minute");
    // A token is for the API: the page wants a session.
    assert_eq!(Browser::new(&dashboard.url).token("glpat-member").get("/").await.status, 303);
}

#[tokio::test]
async fn a_session_ends_at_its_limit_though_it_is_used() {
    let (_gitlab, _server, dashboard) = set_up_with(&[("SESSION_SECONDS", "3")]).await;
    let began = Instant::now();
    let mut browser = Browser::new(&dashboard.url);
    let back = at_gitlab(&mut browser, "/oauth/start", "7").await;
    let answer = browser.get(&back).await;
    let cookies: Vec<&str> = answer.headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap()).collect();
    assert!(cookies.iter().any(|cookie| cookie.starts_with("dashboard-session=") && cookie.contains("Max-Age=3")), "{cookies:?}");
    while browser.get("/").await.status == 200 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(began.elapsed() >= Duration::from_secs(3));
    assert_eq!(browser.get("/").await.status, 303, "it does not come back");
}

#[tokio::test]
async fn a_session_that_nobody_uses_ends() {
    let (_gitlab, _server, dashboard) = set_up_with(&[("SESSION_IDLE_SECONDS", "1")]).await;
    let mut browser = signed_in(&dashboard, "7").await;
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_eq!(browser.get("/").await.status, 303);
}
