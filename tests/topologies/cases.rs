//! Every case against its file.

use std::fmt::Write;
use std::path::Path;
use std::{env, fs};

use blue_green::plan::Plan;
use blue_green::release::refusal::Refusal;
use blue_green::release::turn::Turn;
use blue_green::report::foresee::{Foreseen, foresee};
use blue_green::report::not_made::NotMade;
use blue_green::seen::survey::survey;
use blue_green::seen::topology::Topology;
use jiff::Timestamp;

use crate::notation::{Case, read};
use crate::simulate::{Delivered, End, deliver};

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

/// What comes of a case: what a check would tell, then what a delivery writes, and how it ends. A second delivery of the
/// same event ends the same and writes nothing.
fn outcome(case: &Case) -> String {
    let Case { topology, asked, asker } = case;
    let foreseen =
        survey(topology, &asked.ports).map_err(NotMade::from).and_then(|survey| foresee(topology, &survey, asked, asker, now()));
    let first = deliver(topology, asked, asker, now());
    let mut text = match &foreseen {
        Ok(foreseen) => show(topology, foreseen, &first),
        Err(not_made) => failed(not_made),
    };
    // What the check has shown already is not shown again.
    let shown = if foreseen.is_ok() { first.plans.len() } else { 0 };
    for (phase, step) in first.plans.iter().skip(shown).flat_map(Plan::steps) {
        writeln!(text, "{phase:<8} {}", step.write).unwrap();
    }
    let ends = first.ends.iter().flatten().map(|end| ended(topology, end));
    ends.for_each(|end| text.push_str(&end));
    text + &second(case, &first)
}

fn show(topology: &Topology, foreseen: &Foreseen, first: &Delivered) -> String {
    let mut text = String::new();
    for would in &foreseen.would {
        let name = |arn: &str| &topology.groups[arn].name;
        let sides = would.sides();
        writeln!(text, "{} would be live, {} on the test side", name(&sides.live), name(&sides.test)).unwrap();
    }
    let mut done = Plan { notes: foreseen.plan.notes.clone(), ..Plan::default() };
    first.plans.iter().for_each(|plan| done.extend(plan.clone()));
    assert_eq!(foreseen.plan, done, "what is foreseen is what is done");
    text + &foreseen.plan.to_string()
}

fn failed(not_made: &NotMade) -> String {
    let failures = |refusals: &[Refusal]| refusals.iter().map(|refusal| format!("JobFailed: {refusal}\n")).collect();
    match not_made {
        NotMade::Setup(setup_error) => format!("ConfigurationError: {setup_error}\n"),
        NotMade::Refused(refusals) => failures(refusals),
        NotMade::Past(past) => format!("JobFailed: {past}\n"),
    }
}

fn ended(topology: &Topology, End { turn, sides, whole }: &End) -> String {
    let live = match whole {
        true => format!("{} is live", topology.short(&sides.live)),
        false => "the rules disagree".to_owned(),
    };
    match turn {
        Turn::Close { row, records, .. } => {
            let word = records[0].value().split(' ').nth(4).map(str::to_owned).unwrap();
            format!("ends     {live}: {word} ({row:?})\n")
        }
        Turn::Answered(closing) => {
            format!("ends     {live}: {} {}, as an earlier delivery ended (R2)\n", closing.verdict, closing.reason)
        }
        Turn::Set { .. } | Turn::Wait | Turn::Stuck => panic!("no end: {turn:?}"),
    }
}

/// Nothing, or what is wrong with a second delivery.
fn second(Case { asked, asker, .. }: &Case, first: &Delivered) -> String {
    let again = deliver(&first.topology, asked, asker, now());
    let mut text: String = again.plans.iter().map(|plan| format!("A second delivery: {plan}\n")).collect();
    if again.verdicts() != first.verdicts() {
        writeln!(text, "A second delivery ends otherwise: {:?}", again.ends).unwrap();
    }
    text
}
