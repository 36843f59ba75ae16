//! bin/dashboard as a person runs it: it builds (here the built program is put in its place), starts, stops its older instance, and
//! leaves nothing behind.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::harness::{Browser, until};

/// A folder for what is built, with a cargo that has nothing to do.
fn built() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("release")).unwrap();
    std::fs::copy(env!("CARGO_BIN_EXE_dashboard"), folder.path().join("release/dashboard")).unwrap();
    std::fs::create_dir(folder.path().join("bin")).unwrap();
    let cargo = folder.path().join("bin/cargo");
    std::fs::write(&cargo, "#!/bin/sh\n").unwrap();
    std::fs::set_permissions(&cargo, std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

fn script(folder: &Path, port: u16, arguments: &[&str]) -> Command {
    let path = format!("{}:{}", folder.join("bin").display(), std::env::var("PATH").unwrap());
    let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../bin/dashboard"));
    command.env_clear().env("PATH", path).env("CARGO_TARGET_DIR", folder).env("PORT", port.to_string()).args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The script while it runs.
struct Demo {
    child: Child,
    said: Vec<String>,
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.end();
    }
}

impl Demo {
    /// Starts it, and waits until it says something with `last` in it.
    async fn start(folder: &Path, port: u16, arguments: &[&str], last: &'static str) -> Demo {
        let mut child = script(folder, port, arguments).spawn().unwrap();
        let output = child.stdout.take().unwrap();
        let said = tokio::task::spawn_blocking(move || {
            let mut said = Vec::new();
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                said.push(line);
                if said.last().is_some_and(|line| line.contains(last)) {
                    break;
                }
            }
            said
        });
        let said = said.await.unwrap();
        if !said.iter().any(|line| line.contains(last)) {
            let mut error = String::new();
            child.stderr.take().unwrap().read_to_string(&mut error).unwrap();
            panic!("{said:?}\n{error}");
        }
        Demo { child, said }
    }

    /// What Ctrl-C or the end of a terminal does; its exit code.
    fn end(&mut self) -> Option<i32> {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        self.child.wait().unwrap().code()
    }
}

/// The processes that were started from this folder.
fn processes(folder: &Path) -> Vec<String> {
    let output = Command::new("ps").args(["-eww", "-o", "command="]).output().unwrap();
    let all = String::from_utf8_lossy(&output.stdout).into_owned();
    all.lines().filter(|line| line.contains(&*folder.to_string_lossy())).map(str::to_owned).collect()
}

/// A port that is free together with those at these distances.
fn free_port_with(distances: &[u16]) -> u16 {
    let free = |port: u16| std::net::TcpListener::bind(("127.0.0.1", port)).is_ok();
    std::iter::repeat_with(crate::harness::free_port)
        .find(|port| *port < 60_000 && distances.iter().all(|d| free(port + d)))
        .unwrap()
}

#[tokio::test]
async fn the_demo_serves_once_there_is_something_to_show() {
    let (folder, port) = (built(), free_port_with(&[]));
    let mut demo = Demo::start(folder.path(), port, &["--demo"], "http://127.0.0.1:").await;
    let page = Browser::new(&format!("http://127.0.0.1:{port}")).get("/").await;
    assert!(page.body.contains("<b>24</b> projects"), "{}", page.body);
    assert_eq!(demo.end(), Some(143));
    assert_eq!(processes(folder.path()), Vec::<String>::new());
}

#[tokio::test]
async fn a_new_demo_stops_the_older_one() {
    let (folder, port) = (built(), free_port_with(&[]));
    let mut older = Demo::start(folder.path(), port, &["--demo"], "http://127.0.0.1:").await;
    let newer = Demo::start(folder.path(), port, &["--demo", "--projects", "7"], "http://127.0.0.1:").await;
    assert!(newer.said[0].starts_with("stopping the demo that runs already"), "{:?}", newer.said);
    let began = Instant::now();
    while older.child.try_wait().unwrap().is_none() {
        assert!(began.elapsed() < Duration::from_secs(60), "the older script runs on");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let page = Browser::new(&format!("http://127.0.0.1:{port}")).get("/").await;
    assert!(page.body.contains("<b>7</b> projects"), "{}", page.body);
    drop(newer);
    assert_eq!(processes(folder.path()), Vec::<String>::new());
}

#[tokio::test]
async fn two_replicas_and_a_refresher_share_one_redis() {
    let (folder, port) = (built(), free_port_with(&[1, 379]));
    // Somebody has the port that Redis would take first.
    let _taken = std::net::TcpListener::bind(("127.0.0.1", port + 379)).unwrap();
    let mut demo = Demo::start(folder.path(), port, &["--demo", "--redis"], "Stop Redis").await;
    let replicas = [port, port + 1].map(|port| format!("http://127.0.0.1:{port}"));
    for replica in &replicas {
        assert!(Browser::new(replica).get("/").await.body.contains("<b>24</b> projects"), "{replica}");
    }
    let stop = demo.said.last().unwrap().split("(kill ").nth(1).unwrap().split(')').next().unwrap();
    Command::new("kill").arg(stop).status().unwrap();
    for replica in &replicas {
        until("the page says how old it is", async || {
            let page = Browser::new(replica).get("/").await.body;
            page.contains("Shown is what this replica last saw") && page.contains("<b>24</b> projects")
        })
        .await;
    }
    assert_eq!(demo.end(), Some(143));
    assert_eq!(processes(folder.path()), Vec::<String>::new());
}

#[tokio::test]
async fn a_port_that_is_taken_is_said() {
    let folder = built();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let output = script(folder.path(), port, &["--demo"]).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("cannot be listened on") && error.contains("dashboard.log"), "{error}");
    assert_eq!(processes(folder.path()), Vec::<String>::new());
}

#[test]
fn its_help_teaches_and_a_wrong_use_is_refused() {
    let folder = built();
    let help = String::from_utf8(script(folder.path(), 1, &["--help"]).output().unwrap().stdout).unwrap();
    for text in ["bin/dashboard --demo --redis", "stops its own older instance", "GITLAB_GROUP", "Exit codes"] {
        assert!(help.contains(text), "{text}: {help}");
    }
    let refused = script(folder.path(), 1, &["--redis"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8(refused.stderr).unwrap().contains("--redis is part of --demo"));
}
