//! Every case against its file.

use std::fmt::Write;
use std::path::Path;
use std::{env, fs};

use blue_green::plan::{Plan, Refusal, plan};
use blue_green::seen::topology::Topology;
use jiff::Timestamp;

use crate::after::after;
use crate::notation::{Case, read};

const RULE: &str = "---\n";

fn now() -> Timestamp {
    "2026-01-02T10:00:00Z".parse().unwrap()
}

#[test]
fn every_topology_is_planned_or_refused_as_its_file_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/topologies/cases");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 40, "{} cases", files.len());
    let mut differ = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let (given, expected) = text.split_once(RULE).unwrap_or((&text, ""));
        let found = outcome(&read(given));
        if found == expected {
            continue;
        }
        if env::var_os("BLESS").is_some() {
            fs::write(&file, format!("{}\n\n{RULE}{found}", given.trim_end())).unwrap();
        } else {
            differ.push(format!("{}\nexpected:\n{expected}\nfound:\n{found}", file.display()));
        }
    }
    assert!(differ.is_empty(), "{}\nReview, then BLESS=1.", differ.join("\n\n"));
}

/// What comes of a case, as the operator would see it.
fn outcome(case: &Case) -> String {
    match plan(&case.topology, &case.asked, &case.asker, now()) {
        Ok(plan) => {
            let again = blue_green::plan::plan(&after(&case.topology, &plan), &case.asked, &case.asker, now());
            let nothing = again.as_ref().is_ok_and(Plan::is_empty);
            show(&case.topology, &plan) + &if nothing { String::new() } else { format!("A second delivery: {again:?}\n") }
        }
        Err(Refusal::Unfit(unfit)) => format!("ConfigurationError: {unfit}\n"),
        Err(Refusal::Blocked(blocked)) => blocked.iter().map(|reason| format!("JobFailed: {reason}\n")).collect(),
    }
}

fn show(topology: &Topology, plan: &Plan) -> String {
    let mut text = String::new();
    for promotion in &plan.promotions {
        let name = |arn: &str| &topology.groups[arn].name;
        write!(text, "{} becomes live, {} goes to the test side", name(&promotion.promoted), name(&promotion.retired)).unwrap();
        writeln!(text, "{}", promotion.finishes.as_ref().map(|id| format!("; finishes flip {id}")).unwrap_or_default()).unwrap();
    }
    write!(text, "{plan}").unwrap();
    writeln!(text, "Changed: {}", plan.changes).unwrap();
    text
}
