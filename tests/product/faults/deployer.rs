//! Every fault at every call of the deployer: the file is right, or it is as it was; production never moves.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;

use futures::StreamExt;
use local_aws::gateway::{At, Fault, FaultKind, Lasts};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::faults::arena::{ANSWERED, Arena, Balancer, UNANSWERED};
use crate::faults::run::{hangs, is_waited_out};

const WORLDS: usize = 6;

/// How long one call (in milliseconds) and a whole run of the deployer (in seconds) may take.
#[derive(Clone, Copy)]
pub struct Limits {
    call: &'static str,
    whole: u64,
}

/// What nothing that answers ever needs.
pub const PATIENT: Limits = Limits { call: ANSWERED, whole: 60 };
/// How long a run has at first that waits a fault out to its end, in seconds.
const HASTY: u64 = 2;

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

    /// Runs the deployer, which does not settle: whatever must end before its second look is held against it otherwise.
    pub async fn run(&self, arena: &Arena, execution: &str, limits: Limits) -> Output {
        let folder: &Path = self.file.parent().unwrap();
        let configured = arena.world.deployer(|command| {
            command.current_dir(folder).env("ELB_NAME", "shop").env("CALL_TIMEOUT_MS", limits.call);
            command.args(["--execution", execution, "--settle", "0", "--timeout", &limits.whole.to_string()]);
        });
        configured.await.unwrap()
    }
}

/// The deployer with a fault, then the stage's retry without it: what is wrong, if anything is.
async fn broken(arena: &mut Arena, fault: &Fault) -> Vec<String> {
    let waits = is_waited_out(fault);
    let mut limits =
        Limits { call: if hangs(fault) { UNANSWERED } else { ANSWERED }, whole: if waits { HASTY } else { PATIENT.whole } };
    let (build, before, first) = loop {
        arena.reset().await;
        let build = Build::new("v3");
        let before = build.text();
        arena.world.gateway.inject(fault.clone());
        let first = build.run(arena, "build-1", limits).await;
        arena.world.gateway.idle().await;
        // Over before the fault struck: a busy machine, which shows nothing.
        if arena.world.gateway.fault_hit() || limits.whole >= PATIENT.whole {
            break (build, before, first);
        }
        limits.whole *= 2;
    };
    let mut wrong = Vec::new();
    if !arena.world.gateway.fault_hit() {
        wrong.push("it never struck".to_owned());
    }
    arena.world.gateway.clear_faults();
    let right = Some(("v1".to_owned(), "v3".to_owned()));
    let codes = build.codes();
    let done = first.status.code() == Some(0);
    if !(codes == right || (!done && build.text() == before)) {
        wrong.push(format!("{:?}, file {}", first.status, build.text()));
    }
    // The stage is retried.
    let again = build.run(arena, "build-1", PATIENT).await;
    if !(again.status.success() && build.codes() == right) {
        wrong.push(format!("the retry ended {again:?}, file {}", build.text()));
    }
    if arena.live().await.as_deref() != Some("a-code1") {
        wrong.push("the listeners moved".to_owned());
    }
    wrong.iter().map(|what| format!("{fault:?}: {what}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_the_deployer_leaves_the_file_right_or_as_it_was() {
    let worlds = futures::stream::iter(0..WORLDS).map(|_| Arena::new(Balancer::OnePair)).buffered(WORLDS);
    let mut worlds: Vec<Arena> = worlds.collect().await;
    worlds[0].reset().await;
    assert!(Build::new("v3").run(&worlds[0], "build-1", PATIENT).await.status.success());
    let calls = worlds[0].world.gateway.calls().len();
    let mut faults = Vec::new();
    for call in 1..=calls {
        for kind in FaultKind::ALL {
            faults.extend([Lasts::Once, Lasts::Invocation].map(|lasts| Fault { at: At::Call(call), kind, lasts }));
        }
    }
    let number = faults.len();
    let faults = Arc::new(Mutex::new(faults));
    let runs = worlds.into_iter().map(|mut arena| {
        let faults = Arc::clone(&faults);
        tokio::spawn(async move {
            let mut wrong = Vec::new();
            loop {
                let Some(fault) = faults.lock().await.pop() else { return wrong };
                wrong.extend(broken(&mut arena, &fault).await);
            }
        })
    });
    let mut wrong: Vec<String> = Vec::new();
    for run in runs.collect::<Vec<_>>() {
        wrong.extend(run.await.unwrap());
    }
    println!("{calls} calls, {number} runs");
    assert!(wrong.is_empty(), "{} ended wrong:\n{}", wrong.len(), wrong.join("\n"));
}
