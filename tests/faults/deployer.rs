//! Every fault at every call of the deployer: the file is right, or it is as it was; production never moves.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;

use futures::StreamExt;
use local_aws::gateway::{At, Fault, FaultKind, Lasts};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::arena::{Arena, Balancer};

const WORLDS: usize = 6;

/// A folder with a build.json, for one run of the deployer.
pub struct Build {
    _folder: tempfile::TempDir,
    file: PathBuf,
}

impl Build {
    pub fn new(tag: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("build.json");
        std::fs::write(&file, json!({ "tag": tag }).to_string()).unwrap();
        Self { _folder: folder, file }
    }

    pub fn text(&self) -> String {
        std::fs::read_to_string(&self.file).unwrap()
    }

    /// The image tags of both sides; none where they are not there.
    pub fn codes(&self) -> Option<(String, String)> {
        let value: Value = serde_json::from_str(&self.text()).unwrap();
        Some((value.get("Code1")?.as_str()?.to_owned(), value.get("Code2")?.as_str()?.to_owned()))
    }

    pub async fn run(&self, arena: &Arena, execution: &str, settle: &str, timeout: &str) -> Output {
        let folder: &Path = self.file.parent().unwrap();
        let configured = arena.world.deployer(|command| {
            command.current_dir(folder).env("ELB_NAME", "shop").env("CALL_TIMEOUT_MS", "150");
            command.args(["--execution", execution, "--settle", settle, "--timeout", timeout]);
        });
        configured.await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_at_every_call_of_the_deployer_leaves_the_file_right_or_as_it_was() {
    let worlds = futures::stream::iter(0..WORLDS).map(|_| Arena::new(Balancer::OnePair)).buffered(WORLDS);
    let mut worlds: Vec<Arena> = worlds.collect().await;
    worlds[0].reset().await;
    let clean = Build::new("v3");
    assert!(clean.run(&worlds[0], "build-1", "0", "2").await.status.success());
    let calls = worlds[0].world.gateway.calls().len();
    let mut cases = Vec::new();
    for call in 1..=calls {
        for kind in FaultKind::ALL {
            cases.extend([Lasts::Once, Lasts::Invocation].map(|lasts| (call, kind, lasts)));
        }
    }
    let cases = Arc::new(Mutex::new(cases));
    let runs = worlds.into_iter().map(|mut arena| {
        let cases = Arc::clone(&cases);
        tokio::spawn(async move {
            let mut wrong = Vec::new();
            loop {
                let Some((call, kind, lasts)) = cases.lock().await.pop() else { return wrong };
                arena.reset().await;
                let build = Build::new("v3");
                let before = build.text();
                arena.world.gateway.inject(Fault { at: At::Call(call), kind, lasts });
                let first = build.run(&arena, "build-1", "0", "1").await;
                arena.world.gateway.clear_faults();
                let right = Some(("v1".to_owned(), "v3".to_owned()));
                let codes = build.codes();
                let done = first.status.code() == Some(0);
                if !(codes == right || (!done && build.text() == before)) {
                    wrong.push(format!("{call} {kind:?} {lasts:?}: {:?}, file {}", first.status, build.text()));
                }
                // The stage is retried.
                let again = build.run(&arena, "build-1", "0", "2").await;
                if !(again.status.success() && build.codes() == right) {
                    wrong.push(format!("{call} {kind:?} {lasts:?}: the retry ended {again:?}, file {}", build.text()));
                }
                if arena.live().await.as_deref() != Some("a-code1") {
                    wrong.push(format!("{call} {kind:?} {lasts:?}: the listeners moved"));
                }
            }
        })
    });
    let mut wrong: Vec<String> = Vec::new();
    for run in runs.collect::<Vec<_>>() {
        wrong.extend(run.await.unwrap());
    }
    println!("{calls} calls, {} runs", calls * FaultKind::ALL.len() * 2);
    assert!(wrong.is_empty(), "{} ended wrong:\n{}", wrong.len(), wrong.join("\n"));
}
