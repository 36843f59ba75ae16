//! A demo that is being played: its process, what it says, and the processes it started.

use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tempfile::TempDir;

/// How often something is looked at again.
const SOON: Duration = Duration::from_millis(20);

/// A running demo.
pub struct Played {
    process: Child,
    said: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
    temporary: TempDir,
}

/// A demo that has ended.
pub struct Ended {
    /// Its exit code; none where a signal ended it.
    pub code: Option<i32>,
    /// What it said, on standard output and standard error.
    pub text: String,
    /// What it left in its temporary folder.
    pub temporary_files: Vec<String>,
}

/// A process, told apart from a later one with the same id by its start.
#[derive(Debug)]
pub struct Process {
    id: u32,
    parent: u32,
    started: String,
}

impl Played {
    /// Starts a demo with these arguments, and types `lines`.
    pub fn start(arguments: &[&str], lines: &str) -> Self {
        let mut demo = Self::start_silent(arguments, lines);
        let stdout = demo.process.stdout.take().unwrap();
        demo.read(stdout);
        demo
    }

    /// Starts a demo whose standard output nobody reads.
    pub fn start_unheard(arguments: &[&str]) -> Self {
        let mut demo = Self::start_silent(arguments, "");
        drop(demo.process.stdout.take());
        demo
    }

    fn start_silent(arguments: &[&str], lines: &str) -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let mut process = Command::new(local_aws::world::binary("local-aws"))
            .arg("demo")
            .args(arguments)
            .env("TMPDIR", temporary.path())
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        process.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
        let stderr = process.stderr.take().unwrap();
        let mut demo = Self { process, said: Arc::default(), readers: Vec::new(), temporary };
        demo.read(stderr);
        demo
    }

    fn read(&mut self, pipe: impl Read + Send + 'static) {
        let said = Arc::clone(&self.said);
        self.readers.push(spawn(move || collect(pipe, &said)));
    }

    /// Waits until it has said something. Returns all that it has said.
    pub fn wait_for(&mut self, text: &str, within: Duration) -> String {
        let deadline = Instant::now() + within;
        while !self.said.lock().unwrap().contains(text) {
            assert!(Instant::now() < deadline, "{text:?} was not said: {}", self.said.lock().unwrap());
            sleep(SOON);
        }
        self.said.lock().unwrap().clone()
    }

    /// Sends a signal to it and to the processes of its group, as Ctrl-C at a terminal does.
    pub fn signal(&self, signal: Signal) {
        killpg(Pid::from_raw(self.process.id().try_into().unwrap()), signal).unwrap();
    }

    /// The processes it has started, and those that they have.
    pub fn descendants(&self) -> Vec<Process> {
        let all: Vec<Process> =
            std::fs::read_dir("/proc").unwrap().filter_map(|entry| process(&entry.ok()?.file_name())).collect();
        let mut ours = vec![self.process.id()];
        let mut found = Vec::new();
        for _generation in 0..5 {
            ours = all.iter().filter(|process| ours.contains(&process.parent)).map(|process| process.id).collect();
            found.extend(ours.clone());
        }
        all.into_iter().filter(|process| found.contains(&process.id)).collect()
    }

    /// Waits until it has ended.
    pub fn end(mut self, within: Duration) -> Ended {
        let deadline = Instant::now() + within;
        let status = loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                break status;
            }
            if Instant::now() > deadline {
                self.process.kill().unwrap();
            }
            sleep(SOON);
        };
        self.readers.into_iter().for_each(|reader| reader.join().unwrap());
        let left = std::fs::read_dir(self.temporary.path()).unwrap();
        let temporary_files = left.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        let text = self.said.lock().unwrap().clone();
        Ended { code: status.code(), text, temporary_files }
    }
}

impl Process {
    /// Whether it still runs.
    pub fn lives(&self) -> bool {
        process(self.id.to_string().as_ref()).is_some_and(|now| now.started == self.started)
    }
}

/// A process that runs; source of the fields: proc_pid_stat(5).
fn process(id: &std::ffi::OsStr) -> Option<Process> {
    let id: u32 = id.to_str()?.parse().ok()?;
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name, in parentheses, may hold anything; the fields after it count from the third.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    (fields[0] != "Z").then(|| Process { id, parent: fields[1].parse().unwrap_or(0), started: fields[19].to_owned() })
}

fn collect(mut pipe: impl Read, said: &Mutex<String>) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = pipe.read(&mut buffer) {
        said.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..length]));
    }
}
