//! The order of the house, read from the sources: which folder may know which, no circle between files, no file longer than
//! a room, names of tests that fit a line, and every message in one file for a person to read. How long a function may be
//! is clippy's (`clippy.toml`).
#![expect(clippy::unwrap_used, reason = "a failed expectation ends a test")]

mod imports;
mod messages;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use imports::{Module, modules};

/// The most lines of a source file.
const LONGEST: usize = 350;

/// The folders of `src`, each of which may know itself and those before it.
const ORDER: [&str; 6] = ["seen", "asked", "release", "plan", "report", "aws"];

/// The library, and every program.
const CRATES: [&str; 4] = ["src", "functions/blue-green-flip/src", "deployer/src", "apps/dashboard/src"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The folder of `src` in which a module is; a file beside the folders is a folder of its own.
fn folder(module: &str) -> &str {
    module.split("::").next().unwrap()
}

#[test]
fn folders_know_only_those_before_them() {
    let mut wrong = Vec::new();
    for (name, Module { uses, .. }) in modules(&root().join("src")) {
        for used in uses {
            let place = |module: &str| ORDER.iter().position(|known| *known == folder(module));
            // `roll` is a line of its own beside the flip's: it may know `seen` and `asked`, nothing of the flip may know it but `aws`.
            let right = match (folder(&name), folder(&used)) {
                (own, other) if own == other => true,
                ("roll", other) => ["seen", "asked"].contains(&other),
                // What was released: flips and rolls together.
                ("history", other) => other != "aws",
                ("aws", "roll" | "history") => true,
                (_, _) => place(&name).zip(place(&used)).is_some_and(|(own, other)| other < own),
            };
            if !right {
                wrong.push(format!("{name} uses {used}"));
            }
        }
    }
    assert!(wrong.is_empty(), "expected {} <- roll, aws; found:\n{}", ORDER.join(" <- "), wrong.join("\n"));
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let mut circles = Vec::new();
    for sources in CRATES {
        let modules = modules(&root().join(sources));
        for (name, module) in &modules {
            let back = module.uses.iter().filter(|used| reaches(&modules, used, name));
            circles.extend(back.map(|used| format!("{sources}: {name} uses {used}, which leads back to it")));
        }
    }
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}

/// Whether imports lead from one module to another.
fn reaches(modules: &BTreeMap<String, Module>, from: &str, to: &str) -> bool {
    let (mut seen, mut next) = (BTreeSet::from([from]), vec![from]);
    while let Some(at) = next.pop() {
        let uses = modules.get(at).into_iter().flat_map(|module| &module.uses);
        next.extend(uses.map(String::as_str).filter(|used| seen.insert(used)));
    }
    seen.contains(to)
}

#[test]
fn no_source_file_is_longer_than_a_room() {
    let mut long = Vec::new();
    for folder in ["src", "functions", "deployer", "apps", "tests"] {
        for file in imports::files(&root().join(folder)) {
            let lines = std::fs::read_to_string(&file).unwrap().lines().count();
            if lines > LONGEST {
                let file = file.strip_prefix(root()).unwrap_or(Path::new(&file)).display().to_string();
                long.push(format!("{file} has {lines} lines"));
            }
        }
    }
    assert!(long.is_empty(), "expected at most {LONGEST} lines a file, found:\n{}", long.join("\n"));
}

#[test]
fn a_test_is_named_in_under_70_characters() {
    let long: Vec<String> = ["src", "functions", "deployer", "apps", "tests"]
        .iter()
        .flat_map(|folder| imports::files(&root().join(folder)))
        .flat_map(|file| imports::tests(&file))
        .filter(|name| name.len() >= 70)
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

/// `tests/messages.txt` holds every sentence that a person can meet. `BLESS=1` writes it, for a person to read through.
#[test]
fn every_message_is_in_one_file_for_a_person_to_read() {
    let file = root().join("tests/messages.txt");
    let now = messages::messages(&root(), &["src", "functions", "deployer", "tests/local-aws/src/demo"]);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&file, &now).unwrap();
    }
    let reviewed = std::fs::read_to_string(&file).unwrap();
    let new: Vec<&str> = now.lines().filter(|line| !reviewed.lines().any(|known| known == *line)).collect();
    let gone: Vec<&str> = reviewed.lines().filter(|line| !now.lines().any(|known| known == *line)).collect();
    assert!(
        now == reviewed,
        "messages changed; read them, then write tests/messages.txt with BLESS=1\nnew:\n{}\ngone:\n{}",
        new.join("\n"),
        gone.join("\n")
    );
}
