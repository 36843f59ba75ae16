//! What the README says to type, typed; where it points, looked at.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use product_stage::function::Stage as Function;
use serde_json::Value;

use crate::deployer::stage::Stage;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn readme() -> String {
    std::fs::read_to_string(root().join("README.md")).unwrap()
}

/// The lines of all blocks of a language.
fn blocks(language: &str) -> Vec<String> {
    let (readme, fence) = (readme(), format!("```{language}\n"));
    let blocks = readme.split(&fence).skip(1).map(|rest| rest.split("\n```").next().unwrap());
    blocks.flat_map(str::lines).map(str::to_owned).collect()
}

/// A command line as a shell takes it apart, up to its comment.
fn words(line: &str) -> Vec<String> {
    shell_words::split(line).unwrap().into_iter().take_while(|word| !word.starts_with('#')).collect()
}

#[tokio::test]
async fn every_deployer_command_of_its_shell_blocks_ends_well() {
    let stage = Stage::new().await;
    let lines: Vec<Vec<String>> = blocks("sh").iter().map(|line| words(line)).collect();
    let commands: Vec<&[String]> = lines.iter().filter(|words| words[0] == "deployer").map(|words| &words[1..]).collect();
    assert!(commands.len() >= 3, "{commands:?}");
    for arguments in commands {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let run = stage.deployer(&arguments).await;
        // What blocks has its own code: no target is healthy here.
        let expected = if matches!(arguments[0], "plan" | "doctor") { 3 } else { 0 };
        assert_eq!(run.code, expected, "{arguments:?}: {}{}", run.out, run.err);
    }
}

#[test]
fn every_script_of_its_shell_blocks_is_there_and_helps() {
    let scripts: BTreeSet<String> = blocks("sh")
        .iter()
        .map(|line| words(line))
        .filter(|words| words[0].starts_with("bin/"))
        .map(|words| words[0].clone())
        .collect();
    assert!(scripts.contains("bin/demo") && scripts.contains("bin/test"), "{scripts:?}");
    for script in scripts {
        let run = Command::new(root().join(&script)).arg("--help").output().unwrap();
        let help = String::from_utf8(run.stdout).unwrap();
        assert!(run.status.success() && help.to_lowercase().contains("usage"), "{script}: {help}");
    }
}

#[test]
fn every_verb_that_it_names_has_help() {
    let readme = readme();
    let named = readme.split("`deployer ").skip(1).map(|rest| rest.split('`').next().unwrap());
    let verbs: BTreeSet<Vec<&str>> = named
        .map(|command| {
            command
                .split_whitespace()
                .take_while(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '-') && !word.starts_with('-'))
        })
        .map(Iterator::collect)
        .collect();
    assert!(verbs.len() > 5, "{verbs:?}");
    for verb in verbs {
        let run = Command::new(local_aws::world::binary("deployer")).args(&verb).arg("--help").output().unwrap();
        assert!(run.status.success(), "deployer {verb:?}: {}", String::from_utf8_lossy(&run.stderr));
    }
}

#[tokio::test]
async fn its_parameters_check_flip_and_take_back() {
    let stage = Function::new().await;
    let filled = |line: &str| {
        let line = line.replace("#{codepipeline.PipelineExecutionId}", "exec-1").replace("#{Build.Tag}", "v2");
        line.replace("#{Check.Test}", "Code2").replace("#{Flip.Test}", "Code1")
    };
    let lines: Vec<String> = blocks("json").iter().map(|line| filled(line)).collect();
    let [check, flip, back] = lines.as_slice() else { panic!("expected three lines, found {lines:?}") };
    for (parameters, live) in [(check, "v1"), (flip, "v2"), (back, "v1")] {
        let parameters: Value = serde_json::from_str(parameters).unwrap();
        stage.job(parameters).await.succeeded();
        assert_eq!(stage.version(80).await, live);
    }
}

#[test]
fn every_link_leads_to_a_file() {
    for file in ["README.md", "CONTRIBUTING.md"] {
        let text = std::fs::read_to_string(root().join(file)).unwrap();
        let links = text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap());
        let (own, files): (Vec<&str>, Vec<&str>) =
            links.filter(|link| !link.contains("://")).partition(|link| link.starts_with('#'));
        for link in files {
            assert!(root().join(link.split('#').next().unwrap()).exists(), "{file}: {link}");
        }
        let title =
            |line: &str| line.trim_start_matches('#').trim().to_lowercase().replace([',', '.', '\''], "").replace(' ', "-");
        let titles: Vec<String> = text.lines().filter(|line| line.starts_with('#')).map(title).collect();
        for link in own {
            assert!(titles.iter().any(|title| *title == link[1..]), "{file}: {link} is none of {titles:?}");
        }
    }
}
