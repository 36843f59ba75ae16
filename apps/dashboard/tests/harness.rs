//! Starts the dashboard as people start it, and talks to it as a browser does.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Method, StatusCode};

use crate::fake::{GitLab, TOKEN};

/// A session secret.
pub const SESSION_SECRET: &str = "a secret of thirty-two characters";
/// The secret of the application in GitLab.
pub const APPLICATION_SECRET: &str = "the-application's-secret";

/// A running dashboard; it ends with this.
pub struct Dashboard {
    child: Child,
    /// Its address.
    pub url: String,
    log: Arc<Mutex<Vec<String>>>,
    /// Its snapshot's folder.
    pub data: PathBuf,
    keep: Option<tempfile::TempDir>,
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The dashboard's command with nothing of this process's environment.
pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dashboard"));
    command.env_clear();
    command
}

/// The variables that a dashboard of this GitLab needs.
pub fn variables(gitlab: &GitLab) -> Vec<(&'static str, String)> {
    vec![
        ("GITLAB_URL", gitlab.url.clone()),
        ("GITLAB_GROUP", "team".into()),
        ("GITLAB_ACCESS_TOKEN", TOKEN.into()),
        ("GITLAB_APPLICATION_ID", "dashboard".into()),
        ("GITLAB_APPLICATION_SECRET", APPLICATION_SECRET.into()),
        ("GITLAB_REQUESTS_PER_MINUTE", "60000".into()),
        ("REFRESH_SECONDS", "1".into()),
        ("SESSION_SECRET_KEY", SESSION_SECRET.into()),
    ]
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Waits until something holds; fails with its name after a minute.
pub async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < Duration::from_secs(60), "not within a minute: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

impl Dashboard {
    /// Starts one with its own folder.
    pub async fn start(variables: &[(&str, String)], arguments: &[&str]) -> Dashboard {
        let folder = tempfile::tempdir().unwrap();
        let mut dashboard = Dashboard::start_in(folder.path(), variables, arguments).await;
        dashboard.keep = Some(folder);
        dashboard
    }

    /// Starts one with this folder.
    pub async fn start_in(data: &Path, variables: &[(&str, String)], arguments: &[&str]) -> Dashboard {
        let mut command = command();
        command.env("PORT", "0").env("DATA_DIR", data).envs(variables.iter().map(|(name, value)| (name, value)));
        command.args(arguments).current_dir(data).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let log: Arc<Mutex<Vec<String>>> = Arc::default();
        let (lines, output) = (log.clone(), child.stdout.take().unwrap());
        std::thread::spawn(move || {
            BufReader::new(output).lines().map_while(Result::ok).for_each(|line| lines.lock().unwrap().push(line))
        });
        let mut dashboard = Dashboard { child, url: String::new(), log, data: data.to_owned(), keep: None };
        if arguments.first() != Some(&"refresh") {
            until("the dashboard serves", async || dashboard.said("\"serving\"")).await;
            let line = dashboard.lines().into_iter().find(|line| line.contains("\"serving\"")).unwrap();
            let line: serde_json::Value = serde_json::from_str(&line).unwrap();
            dashboard.url = format!("http://127.0.0.1:{}", line["port"]);
        }
        dashboard
    }

    /// Starts one, and waits until every project was read and compared.
    pub async fn ready(gitlab: &GitLab) -> Dashboard {
        let dashboard = Dashboard::start(&variables(gitlab), &[]).await;
        dashboard.refreshed().await;
        dashboard
    }

    /// Waits for a round that begins from now on.
    pub async fn refreshed(&self) {
        let count = || self.lines().iter().filter(|line| line.contains("\"refreshed\"")).count();
        let wanted = count() + 2;
        until("two rounds end", async || count() >= wanted).await;
    }

    /// Its log.
    pub fn lines(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// Whether a line of the log has this in it.
    pub fn said(&self, text: &str) -> bool {
        self.lines().iter().any(|line| line.contains(text))
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its exit code, once it has ended.
    pub async fn ended(&mut self) -> Option<i32> {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(began.elapsed() < Duration::from_secs(60), "it does not end");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// A project as the API shows it to the server's own token.
    pub async fn project(&self, id: u64) -> serde_json::Value {
        let answer = Browser::new(&self.url).token(TOKEN).get(&format!("/api/v1/projects/{id}")).await;
        serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("{} {}", answer.status, answer.body))
    }

    /// An environment of a project.
    pub async fn environment(&self, id: u64, name: &str) -> serde_json::Value {
        let project = self.project(id).await;
        project["environments"].as_array().into_iter().flatten().find(|e| e["name"] == name).cloned().unwrap_or_default()
    }
}

/// Runs the dashboard to its end; one that does not end by itself fails the test.
pub fn ends(variables: &[(&str, &str)], arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut command = command();
    command
        .current_dir(folder.path())
        .args(arguments)
        .envs(variables.iter().copied())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if began.elapsed() > Duration::from_secs(30) {
            child.kill().unwrap();
            panic!("it runs with {variables:?} {arguments:?}");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.wait_with_output().unwrap()
}

/// An answer.
pub struct Answer {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub body: String,
}

impl Answer {
    /// Where it sends the browser.
    pub fn location(&self) -> &str {
        self.headers.get(LOCATION).map_or("", |value| value.to_str().unwrap())
    }

    /// The token of the page's forms.
    pub fn form_token(&self) -> String {
        let (_, rest) = self.body.split_once("name=\"token\" value=\"").expect("a form");
        rest.split('"').next().unwrap().to_owned()
    }
}

/// A browser without a screen: it keeps cookies and follows nothing by itself.
pub struct Browser {
    client: reqwest::Client,
    base: String,
    pub cookies: BTreeMap<String, String>,
    token: Option<String>,
}

impl Browser {
    /// A new one without cookies.
    pub fn new(base: &str) -> Browser {
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Browser { client, base: base.to_owned(), cookies: BTreeMap::new(), token: None }
    }

    /// The same one with the same cookies, in another tab.
    pub fn again(&self) -> Browser {
        Browser { cookies: self.cookies.clone(), token: self.token.clone(), ..Browser::new(&self.base) }
    }

    /// Sends a GitLab token with each request.
    pub fn token(mut self, token: &str) -> Browser {
        self.token = Some(token.to_owned());
        self
    }

    /// `GET`.
    pub async fn get(&mut self, to: &str) -> Answer {
        self.send(Method::GET, to, None, &[]).await
    }

    /// `POST` of a form.
    pub async fn post(&mut self, to: &str, form: &[(&str, &str)]) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        self.send(Method::POST, to, Some(body), &[]).await
    }

    /// Anything.
    pub async fn send(&mut self, method: Method, to: &str, body: Option<String>, headers: &[(&str, &str)]) -> Answer {
        let address = if to.starts_with("http") { to.to_owned() } else { format!("{}{to}", self.base) };
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = self.client.request(method, address).header(COOKIE, cookies.join("; "));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(token) = &self.token {
            request = request.header("private-token", token);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        for cookie in headers.get_all(SET_COOKIE) {
            let (name, rest) = cookie.to_str().unwrap().split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            if value.is_empty() {
                self.cookies.remove(name)
            } else {
                self.cookies.insert(name.into(), value.into())
            };
        }
        Answer { status, headers, body: response.text().await.unwrap() }
    }
}

/// A page as a browser gets it: its milliseconds, its bytes on the wire, its text.
pub async fn compressed(url: &str, cookie: &str) -> (f64, usize, String) {
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
pub fn memory(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Where tests/setup puts things.
pub fn tools() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("dashboard-tests");
    assert!(folder.join("installed").exists(), "{} is not there: run apps/dashboard/tests/setup", folder.display());
    folder
}
