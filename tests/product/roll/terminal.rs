//! The deployer at a terminal: a pseudo-terminal of Python's, which answers what is asked.

use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use local_aws::world::{DEPLOYER_ROLE, binary};

use super::Stage;

/// Runs a program at a terminal. Its first argument is a list of pairs in JSON: once the first of a pair is shown, the second is
/// typed. Everything that was shown is printed.
const TERMINAL: &str = r#"
import json, os, pty, sys
talk = json.loads(sys.argv[1])
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
shown, new = b"", b""
while True:
    try:
        piece = os.read(terminal, 4096)
    except OSError:
        break
    if not piece:
        break
    shown, new = shown + piece, new + piece
    while talk and talk[0][0].encode() in new:
        new = new.split(talk[0][0].encode(), 1)[1]
        os.write(terminal, talk.pop(0)[1].encode())
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"#;

/// A session-manager-plugin that notes what it was given.
const PLUGIN: &str = r#"#!/bin/sh
if [ "$1" = --version ]; then echo 1.2.707.0; exit; fi
printf '%s\n' "$@" > arguments
printenv AWS_SSM_START_SESSION_RESPONSE > session
"#;

/// Runs `deployer roll …` at a terminal, in the stage's folder, with the plugin on its path, and types the answers: its exit code,
/// and what was shown.
pub async fn at_a_terminal(stage: &Stage, arguments: &[&str], talk: &[(&str, &str)]) -> (i32, String) {
    let plugin = stage.file("session-manager-plugin");
    std::fs::write(&plugin, PLUGIN).unwrap();
    std::fs::set_permissions(&plugin, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", stage.folder.path().display(), std::env::var("PATH").unwrap());
    let mut command = tokio::process::Command::new("python3");
    command
        .args(["-c", TERMINAL])
        .arg(serde_json::to_string(talk).unwrap())
        .arg(binary(DEPLOYER_ROLE))
        .arg("roll")
        .args(arguments);
    command.current_dir(stage.folder.path()).env_clear().envs(stage.world.env_as(DEPLOYER_ROLE));
    command.env("TERM", "xterm").env("COLUMNS", "120").env("PATH", path);
    let ended = command.stdin(Stdio::null()).kill_on_drop(true).output().await.unwrap();
    (ended.status.code().unwrap_or(-1), String::from_utf8(ended.stdout).unwrap())
}
