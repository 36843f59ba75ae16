//! An OAuth2 server that nobody here wrote, and the way through it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::fake::GitLab;
use crate::harness::{APPLICATION_SECRET, Answer, Browser, Dashboard, tools};

/// The foreign server; it ends with this.
pub struct OAuthServer(Child);

impl Drop for OAuthServer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts the foreign server behind the fake GitLab's address. Its browsers come back to `back`.
pub fn oauth(gitlab: &GitLab, back: &str) -> OAuthServer {
    let mut command = Command::new("node");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oauth/server.mjs"));
    command.env("TOOLS", tools()).env("ISSUER", &gitlab.url).env("SECRET", APPLICATION_SECRET).env("BACK", back);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let port = lines.find_map(|line| line.unwrap().strip_prefix("listening on ").map(str::to_owned)).expect("it listens");
    std::thread::spawn(move || lines.for_each(drop));
    gitlab.sign_in_at(&format!("http://127.0.0.1:{port}"));
    OAuthServer(child)
}

/// Goes to GitLab and signs in there as a user; returns the address that GitLab sends the browser back to.
pub async fn at_gitlab(browser: &mut Browser, start: &str, user: &str) -> String {
    let mut answer = browser.get(start).await;
    let mut at = url::Url::parse(answer.location()).unwrap();
    for _ in 0..12 {
        let to = answer.location().to_owned();
        if to.contains("/oauth/callback") {
            return to;
        }
        at = at.join(&to).unwrap();
        answer = if to.is_empty() { fill_in(browser, &answer, user, &at).await } else { browser.get(at.as_str()).await };
    }
    panic!("GitLab sends nobody back: {} {}", answer.status, answer.body);
}

async fn fill_in(browser: &mut Browser, page: &Answer, user: &str, at: &url::Url) -> Answer {
    let action =
        page.body.split("action=\"").nth(1).unwrap_or_else(|| panic!("no form: {}", page.body)).split('"').next().unwrap();
    let action = at.join(action).unwrap();
    if page.body.contains("name=\"login\"") {
        browser.post(action.as_str(), &[("prompt", "login"), ("login", user), ("password", "x")]).await
    } else {
        browser.post(action.as_str(), &[("prompt", "consent")]).await
    }
}

/// Signs in as a member.
pub async fn signed_in(dashboard: &Dashboard, user: &str) -> Browser {
    let mut browser = Browser::new(&dashboard.url);
    let back = at_gitlab(&mut browser, "/oauth/start", user).await;
    let answer = browser.get(&back).await;
    assert_eq!((answer.status.as_u16(), answer.location()), (303, "/"), "{}", answer.body);
    browser
}
