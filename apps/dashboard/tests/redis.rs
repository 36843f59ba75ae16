//! Several processes and one real Redis: shared rows and sessions, one refresher at a time, TLS, Redis killed and started.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::fake::{GitLab, TOKEN};
use crate::harness::{Browser, Dashboard, free_port, until, variables};
use crate::oauth::{oauth, signed_in};
use crate::refresh::gitlab;

/// A redis-server of this test's own; it ends with this.
struct Redis {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Redis {
    fn start() -> Redis {
        let mut redis =
            Redis { child: Command::new("true").spawn().unwrap(), port: free_port(), folder: tempfile::tempdir().unwrap() };
        redis.run(&["--port", &redis.port.to_string()]);
        redis
    }

    fn run(&mut self, arguments: &[&str]) {
        self.kill();
        let mut command = Command::new("redis-server");
        command
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "yes", "--appendfsync", "always", "--dir"])
            .arg(self.folder.path())
            .args(arguments);
        self.child = command.stdout(Stdio::null()).spawn().expect("redis-server: run apps/dashboard/tests/setup");
        for _ in 0..600 {
            if std::net::TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("redis-server does not listen");
    }

    fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// One command by Redis' own client.
    fn call(&self, arguments: &[&str]) -> String {
        let output = Command::new("redis-cli").args(["-p", &self.port.to_string()]).args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn variables(&self, gitlab: &GitLab) -> Vec<(&'static str, String)> {
        let mut variables = variables(gitlab);
        variables.push(("REDIS_HOST", "127.0.0.1".into()));
        variables.push(("REDIS_PORT", self.port.to_string()));
        variables
    }
}

async fn version(dashboard: &Dashboard) -> Value {
    dashboard.environment(1, "production").await["version"].clone()
}

#[tokio::test]
async fn replicas_show_what_one_refresher_reads() {
    let (gitlab, redis) = (gitlab().await, Redis::start());
    let settings = redis.variables(&gitlab);
    let refresher = Dashboard::start(&settings, &["refresh"]).await;
    let replicas = [Dashboard::start(&settings, &["serve"]).await, Dashboard::start(&settings, &["serve"]).await];
    for replica in &replicas {
        until("the replica shows it", async || version(replica).await == "v1.0.9").await;
    }
    gitlab.world().deploy(1, "production", 2, "success", Some("v9"));
    for replica in &replicas {
        until("the replica shows the change", async || version(replica).await == "v9").await;
        assert!(!replica.said("\"refreshed\""), "a replica does not refresh");
    }
    let asked = Browser::new(&replicas[1].url).token(TOKEN).post("/api/v1/projects/1/refresh", &[]).await;
    assert_eq!(asked.status, 202);
    until("the refresher does what a replica was asked", async || refresher.said("refreshed on request")).await;
    gitlab.world().fail("/groups/team/projects", 403, usize::MAX);
    let all = async || Browser::new(&replicas[0].url).token(TOKEN).get("/api/v1/projects").await.body;
    until("the replica says why nothing is read", async || all().await.contains("groups/team/projects (403)")).await;
    assert_eq!(version(&replicas[0]).await, "v9");
    gitlab.world().faults.clear();
    until("and that it is over", async || serde_json::from_str::<Value>(&all().await).unwrap()["trouble"].is_null()).await;
}

#[tokio::test]
async fn a_session_is_shared_and_over_on_all() {
    let (gitlab, redis) = (gitlab().await, Redis::start());
    let port = free_port();
    let _server = oauth(&gitlab, &format!("http://127.0.0.1:{port}/oauth/callback"));
    let mut settings = redis.variables(&gitlab);
    let second = Dashboard::start(&settings, &["serve"]).await;
    settings.push(("PORT", port.to_string()));
    let first = Dashboard::start(&settings, &[]).await;
    first.refreshed().await;
    let mut browser = signed_in(&first, "1").await;
    let mut there = Browser::new(&second.url);
    there.cookies = browser.cookies.clone();
    until("the other replica has the rows", async || version(&second).await == "v1.0.9").await;
    assert_eq!(there.get("/").await.status, 200);
    let token = there.get("/").await.form_token();
    there.post("/sign-out", &[("token", &token)]).await;
    assert_eq!(browser.get("/").await.status, 303, "over here as well");
    assert!(!redis.call(&["--raw", "KEYS", "*"]).contains(&browser.cookies["dashboard-session"]), "Redis has digests only");
}

#[tokio::test]
async fn without_redis_data_stay_and_sessions_fail_closed() {
    let (gitlab, mut redis) = (gitlab().await, Redis::start());
    let port = free_port();
    let _server = oauth(&gitlab, &format!("http://127.0.0.1:{port}/oauth/callback"));
    let mut settings = redis.variables(&gitlab);
    settings.push(("PORT", port.to_string()));
    let dashboard = Dashboard::start(&settings, &[]).await;
    dashboard.refreshed().await;
    let mut browser = signed_in(&dashboard, "1").await;
    redis.kill();
    let closed = browser.get("/").await;
    assert_eq!(closed.status, 503);
    assert!(closed.body.contains("nobody is let in"), "{}", closed.body);
    assert_eq!(Browser::new(&dashboard.url).get("/oauth/start").await.status, 503, "no way to GitLab that cannot end well");
    assert_eq!(Browser::new(&dashboard.url).get("/readyz").await.status, 200);
    assert_eq!(version(&dashboard).await, "v1.0.9", "programs still read");
    until("the outage is said", async || dashboard.said("showing what was last seen")).await;
    let port = redis.port.to_string();
    redis.run(&["--port", &port]);
    until("sessions are back", async || browser.again().get("/").await.status == 200).await;
    gitlab.world().deploy(1, "production", 2, "success", Some("v9"));
    until("and so is refreshing", async || version(&dashboard).await == "v9").await;
}

#[tokio::test]
async fn the_page_says_that_redis_is_away() {
    let mut redis = Redis::start();
    let settings = [
        ("REDIS_HOST", "127.0.0.1".to_owned()),
        ("REDIS_PORT", redis.port.to_string()),
        ("SESSION_SECRET_KEY", crate::harness::SESSION_SECRET.into()),
        ("REFRESH_SECONDS", "1".into()),
    ];
    let _refresher = Dashboard::start(&settings, &["refresh", "--demo"]).await;
    let replica = Dashboard::start(&settings, &["serve", "--demo"]).await;
    until("rows", async || Browser::new(&replica.url).get("/").await.body.contains("<b>24</b> projects")).await;
    redis.kill();
    until("the notice", async || Browser::new(&replica.url).get("/").await.body.contains("Shown is what this replica last saw"))
        .await;
    assert!(Browser::new(&replica.url).get("/").await.body.contains("payments"));
    let data = replica.data.clone();
    let keep = tempfile::tempdir().unwrap();
    std::fs::copy(data.join("dashboard.redb"), keep.path().join("dashboard.redb")).unwrap();
    let restarted = Dashboard::start_in(keep.path(), &settings, &["serve", "--demo"]).await;
    assert!(
        Browser::new(&restarted.url).get("/").await.body.contains("payments"),
        "a restart without Redis shows the disk's rows"
    );
}

#[tokio::test]
async fn one_refreshes_at_a_time_and_the_next_takes_over() {
    let (gitlab, redis) = (gitlab().await, Redis::start());
    let settings = redis.variables(&gitlab);
    let first = Dashboard::start(&settings, &["refresh"]).await;
    until("the first has the right", async || first.said("has the right to refresh")).await;
    let second = Dashboard::start(&settings, &["refresh"]).await;
    first.refreshed().await;
    assert!(!second.said("has the right to refresh"));
    Command::new("kill").arg(first.id().to_string()).status().unwrap();
    until("the second takes over", async || second.said("has the right to refresh")).await;
    second.refreshed().await;
    assert_eq!(redis.call(&["GET", "dashboard:fence"]), "2");
}

#[tokio::test]
async fn a_late_owner_overwrites_nothing() {
    let (gitlab, redis) = (gitlab().await, Redis::start());
    let refresher = Dashboard::start(&redis.variables(&gitlab), &["refresh"]).await;
    refresher.refreshed().await;
    // Somebody else took over while this one was stalled: the lock and the number are another's.
    redis.call(&["SET", "dashboard:lock", "another", "PX", "8000"]);
    redis.call(&["INCR", "dashboard:fence"]);
    redis.call(&["HSET", "dashboard:rows", "1", "written by another"]);
    until("its write is refused", async || refresher.said("is outdated: another refresher has taken over")).await;
    assert_eq!(redis.call(&["HGET", "dashboard:rows", "1"]), "written by another");
    assert_eq!(redis.call(&["GET", "dashboard:lock"]), "another", "it takes off no lock but its own");
    until("it comes back with a greater number", async || redis.call(&["HGET", "dashboard:rows", "1"]).starts_with('{')).await;
    assert_eq!(redis.call(&["GET", "dashboard:fence"]), "3");
}

#[tokio::test]
async fn long_a_stalled_owner_wakes_up_too_late() {
    if std::env::var_os("LONG").is_none() {
        return;
    }
    let (gitlab, redis) = (gitlab().await, Redis::start());
    let settings = redis.variables(&gitlab);
    let first = Dashboard::start(&settings, &["refresh"]).await;
    first.refreshed().await;
    let second = Dashboard::start(&settings, &["refresh"]).await;
    Command::new("kill").args(["-STOP", &first.id().to_string()]).status().unwrap();
    until("the second takes over", async || second.said("has the right to refresh")).await;
    gitlab.world().deploy(1, "production", 2, "success", Some("v9"));
    second.refreshed().await;
    Command::new("kill").args(["-CONT", &first.id().to_string()]).status().unwrap();
    until("the first notices", async || first.said("is lost") || first.said("is outdated")).await;
    assert!(redis.call(&["HGET", "dashboard:rows", "1"]).contains("v9"));
}

fn certificates(folder: &Path) {
    let run = |arguments: &str| {
        let output = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    std::fs::write(folder.join("san"), "subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n").unwrap();
    for ca in ["ca", "other"] {
        run(&format!("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={ca} -keyout {ca}.key -out {ca}.pem"));
    }
    run("req -newkey rsa:2048 -nodes -subj /CN=redis -keyout redis.key -out redis.csr");
    run("x509 -req -in redis.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile san -out redis.pem");
}

#[tokio::test]
async fn tls_with_the_right_authority_and_not_with_another() {
    let (gitlab, mut redis) = (gitlab().await, Redis::start());
    let folder = redis.folder.path().to_owned();
    certificates(&folder);
    let (port, file) = (redis.port.to_string(), |name: &str| folder.join(name).to_str().unwrap().to_owned());
    redis.run(&[
        "--port",
        "0",
        "--tls-port",
        &port,
        "--tls-cert-file",
        &file("redis.pem"),
        "--tls-key-file",
        &file("redis.key"),
        "--tls-ca-cert-file",
        &file("ca.pem"),
        "--tls-auth-clients",
        "no",
    ]);
    let mut settings = redis.variables(&gitlab);
    settings.push(("REDIS_SSL", "True".into()));
    settings.push(("SSL_CERT_FILE", file("ca.pem")));
    let right = Dashboard::start(&settings, &[]).await;
    until("it refreshes over TLS", async || right.said("\"refreshed\"")).await;
    settings.push(("SSL_CERT_FILE", file("other.pem")));
    let wrong = Dashboard::start(&settings, &[]).await;
    until("another authority is refused", async || wrong.said("rediss://127.0.0.1")).await;
    assert!(!wrong.said("\"refreshed\"") && wrong.said("ertificate"), "{:#?}", wrong.lines());
    settings.retain(|(name, _)| *name != "REDIS_SSL");
    let plain = Dashboard::start(&settings, &[]).await;
    until("without TLS there is no answer", async || plain.said("no right to refresh")).await;
}
