//! Plays `tests/histories/*.txt` against the table: one step a line, with what it leads to, written by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use blue_green::release::decide::{Memory, Row, Turn};
use blue_green::release::id::Digest;
use blue_green::release::record::Closing;
use blue_green::release::several::Decision;
use blue_green::release::view::says;
use blue_green::seen::side::Side;

use crate::scenarios::SCENARIOS;
use crate::steps::{Step, steps};
use crate::world::{Group, Interned, Job, Looked, Odd, Rules, job, shape};

/// Every row of the table, as stories call it.
const ROWS: [(&str, Row); 14] = [
    ("1", Row::R1),
    ("2", Row::R2),
    ("3a", Row::R3a),
    ("3b", Row::R3b),
    ("3c", Row::R3c),
    ("3d", Row::R3d),
    ("3e", Row::R3e),
    ("3f", Row::R3f),
    ("4", Row::R4),
    ("5", Row::R5),
    ("5a", Row::R5a),
    ("5b", Row::R5b),
    ("5c", Row::R5c),
    ("5d", Row::R5d),
];

/// One story: its title is the file's first line.
struct Story {
    file: String,
    /// The rows and the scenarios that it is about.
    about: Vec<String>,
    /// Line number, step, and what is expected: rules, newest record, closed jobs, rows, answer.
    lines: Vec<(usize, String, String)>,
}

fn stories() -> Vec<Story> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/histories");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "txt"));
    files.sort();
    files.iter().map(|file| parse(file.file_name().unwrap().to_str().unwrap(), &std::fs::read_to_string(file).unwrap())).collect()
}

fn parse(file: &str, text: &str) -> Story {
    let mut story = Story { file: file.to_owned(), about: Vec::new(), lines: Vec::new() };
    for (number, line) in text.lines().enumerate() {
        if let Some(about) = line.strip_prefix("row: ").or(line.strip_prefix("scenario: ")) {
            story.about.push(about.trim().to_owned());
        } else if let Some((step, expected)) = line.split_once('|').filter(|(step, _)| step.trim() != "step") {
            story.lines.push((number + 1, words(step), columns(expected)));
        }
    }
    story
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn columns(text: &str) -> String {
    text.split('|').map(words).collect::<Vec<_>>().join(" | ")
}

/// One delivery at work.
struct Copy {
    job: Job,
    plan: Option<Vec<Step>>,
    memory: Memory,
    /// What was read first, where rules and tags are read apart.
    half: Option<(Option<Rules>, Option<[u32; 2]>)>,
}

struct Play {
    interned: Interned,
    rules: Rules,
    marks: [u32; 2],
    fit: bool,
    odd: Odd,
    copies: BTreeMap<String, Copy>,
    /// Writes of dead processes that are still on their way.
    late: BTreeMap<String, Step>,
    /// The rows that this step went through, and its answers.
    rows: Vec<String>,
    answers: Vec<String>,
}

impl Play {
    fn new() -> Self {
        let mut interned = Interned::default();
        let empty = interned.number(Group::new());
        Self {
            interned,
            rules: shape(Side::First),
            marks: [empty; 2],
            fit: true,
            odd: Odd::default(),
            copies: BTreeMap::new(),
            late: BTreeMap::new(),
            rows: Vec::new(),
            answers: Vec::new(),
        }
    }

    /// Takes one step of a story; the sentence is the whole of its grammar.
    fn take(&mut self, step: &str) -> Option<()> {
        let (rest, calls) =
            match step.rsplit_once(" after ").and_then(|(rest, n)| Some((rest, n.split(' ').next()?.parse().ok()?))) {
                Some((rest, calls)) => (rest, Some(calls)),
                None => (step, None),
            };
        match rest.split(' ').collect::<Vec<_>>()[..] {
            ["deliver", name] => {
                self.begin(name)?;
                self.work(name, calls)
            }
            ["kill", name] => {
                self.begin(name)?;
                self.work(name, Some(calls?))?;
                self.copies.remove(name).map(drop)
            }
            [name, "looks"] => {
                self.begin(name)?;
                self.look(name)
            }
            [name, "reads", what @ ("rules" | "tags")] => {
                self.begin(name)?;
                let half = if what == "rules" { (Some(self.rules), None) } else { (None, Some(self.marks)) };
                self.copies.get_mut(name)?.half = Some(half);
                Some(())
            }
            [name, "goes", "on"] => self.work(name, calls),
            [name, "dies"] => self.copies.remove(name).map(drop),
            [name, "dies,", "its", "write", "is", "late"] => {
                let dead = self.copies.remove(name)?;
                self.late.insert(name.to_owned(), dead.plan?.first()?.clone());
                Some(())
            }
            ["late", "write", "of", name, "lands"] => {
                let step = self.late.remove(name)?;
                self.write(&step);
                Some(())
            }
            [name, "is", "out", "of", "time"] => {
                self.copies.remove(name)?;
                self.answers.push(format!("{name} unfinished"));
                Some(())
            }
            ["edit:", rule, "serves", group] => {
                let index = ["L1", "L2", "T"].iter().position(|known| *known == rule)?;
                self.rules[index] = side(group)?;
                Some(())
            }
            ["edit:", group, "live"] => {
                self.rules = shape(side(group)?);
                Some(())
            }
            ["wipe", "tags", "of", group] => {
                self.marks[side(group)? as usize] = self.interned.number(Group::new());
                Some(())
            }
            ["lose", "closings", "of", group] => {
                let mark = &mut self.marks[side(group)? as usize];
                let mut group = self.interned.group(*mark).clone();
                group.retain(|key, _| !key.starts_with("bluegreen:job."));
                *mark = self.interned.number(group);
                Some(())
            }
            ["guard:", "Code2", word @ ("too" | "fits"), ..] => {
                self.fit = word == "fits";
                Some(())
            }
            ["fence:", "Code2", word @ ("rebuilt" | "free"), ..] => {
                self.odd.fenced = (word == "rebuilt").then_some("other");
                Some(())
            }
            ["image:", "Code2", word @ ("another" | "right")] => {
                self.odd.wrong_image = word == "another";
                Some(())
            }
            ["L1", word @ ("shares" | "serves"), ..] => {
                self.odd.shared = word == "shares";
                Some(())
            }
            _ => None,
        }
    }

    fn begin(&mut self, name: &str) -> Option<()> {
        let letter = name.chars().next().filter(|letter| "ARBCDU".contains(*letter))?;
        let copy = Copy { job: job(letter), plan: None, memory: Memory::default(), half: None };
        self.copies.entry(name.to_owned()).or_insert(copy);
        Some(())
    }

    /// Works until its end, until so many calls were made, or until it has to wait for another one's plan.
    fn work(&mut self, name: &str, calls: Option<usize>) -> Option<()> {
        let mut left = calls.unwrap_or(100);
        while left > 0 {
            let copy = self.copies.get_mut(name)?;
            let Some(step) = copy.plan.as_ref().and_then(|plan| plan.first()).cloned() else {
                self.look(name)?;
                continue;
            };
            match step {
                Step::Wait => {
                    let busy = |other: &Copy| {
                        let next = other.plan.as_ref().and_then(|plan| plan.first());
                        matches!(next, Some(Step::Tag { .. } | Step::Rule { .. }))
                    };
                    if self.copies.iter().any(|(other, copy)| other != name && busy(copy)) {
                        return Some(());
                    }
                    let copy = self.copies.get_mut(name)?;
                    (copy.memory.waited, copy.plan) = (true, None);
                }
                Step::Unfinished => {
                    self.copies.remove(name);
                    self.answers.push(format!("{name} unfinished"));
                    return Some(());
                }
                Step::Answer(verdict) => {
                    self.copies.remove(name);
                    self.answers.push(format!("{name} {}", if verdict.to_string() == "S" { "succeeded" } else { "failed" }));
                    return Some(());
                }
                Step::Tag { .. } | Step::Untag { .. } | Step::Rule { .. } => {
                    copy.plan.as_mut()?.remove(0);
                    copy.memory.wrote |= matches!(step, Step::Rule { .. });
                    self.write(&step);
                    left -= 1;
                }
            }
        }
        Some(())
    }

    fn look(&mut self, name: &str) -> Option<()> {
        let copy = self.copies.get_mut(name)?;
        let (rules, marks) = copy.half.take().unwrap_or_default();
        let (rules, marks) = (rules.unwrap_or(self.rules), marks.unwrap_or(self.marks));
        let newest = self.interned.journal(marks).newest();
        copy.memory.wrote &= newest.is_none_or(|(on, flip)| rules != shape(says(on, &flip)));
        let (fit, odd, job, memory) = (self.fit, self.odd, copy.job, vec![copy.memory]);
        let looked = Looked { rules: vec![rules], marks: vec![marks], fit, odd, job, memory };
        let decision = self.interned.decide(&looked);
        self.rows.push(match &decision {
            Decision::Wait => "wait".to_owned(),
            Decision::Answer(turns) => turns.iter().map(row).collect::<Vec<_>>().join(","),
            Decision::Apply { turns, .. } => turns.iter().map(|(_, turn)| row(turn)).collect::<Vec<_>>().join(","),
        });
        let mut plan = steps(&decision, &looked.rules);
        if odd.shared {
            plan.retain(|step| !matches!(step, Step::Rule { rule: 0, .. }));
        }
        copy.plan = Some(plan);
        Some(())
    }

    fn write(&mut self, step: &Step) {
        match step {
            Step::Tag { on, tags, .. } => {
                let mark = &mut self.marks[*on as usize];
                let mut group = self.interned.group(*mark).clone();
                group.extend(tags.iter().cloned());
                *mark = self.interned.number(group);
            }
            Step::Rule { rule, serves, .. } => self.rules[*rule] = *serves,
            Step::Untag { .. } | Step::Wait | Step::Answer(_) | Step::Unfinished => {}
        }
    }

    /// What is there after a step, as stories write it.
    fn found(&mut self) -> String {
        let journal = self.interned.journal(self.marks);
        let rules = self.rules.map(group).join(" ");
        let newest = journal.newest().map_or_else(
            || "none".to_owned(),
            |(on, flip)| format!("{}.{} {} {}", flip.id, flip.generation, flip.phase, group(on)),
        );
        let named = |job: &Closing| {
            let name = "ARBCDU".chars().find(|name| Digest::of(&name.to_string()) == job.job);
            format!("{} {}", name.unwrap_or('?'), job.reason)
        };
        let closed: BTreeSet<String> = journal.closings().iter().map(|(_, closing)| named(closing)).collect();
        let closed = if closed.is_empty() { "-".to_owned() } else { closed.into_iter().collect::<Vec<_>>().join(", ") };
        let or_none = |words: &mut Vec<String>, between: &str| match std::mem::take(words) {
            none if none.is_empty() => "-".to_owned(),
            some => some.join(between),
        };
        let (rows, answers) = (or_none(&mut self.rows, " "), or_none(&mut self.answers, ", "));
        format!("{rules} | {newest} | {closed} | {rows} | {answers}")
    }
}

fn row(turn: &Turn) -> String {
    let called = |row: &Row| ROWS.iter().find(|(_, known)| known == row).unwrap().0.to_owned();
    match turn {
        Turn::Set { row, .. } | Turn::Close { row, .. } => called(row),
        Turn::Answered(_) => called(&Row::R2),
        Turn::Wait => "wait".to_owned(),
        Turn::Stuck => "stuck".to_owned(),
    }
}

fn side(name: &str) -> Option<Side> {
    match name {
        "Code1" => Some(Side::First),
        "Code2" => Some(Side::Second),
        _ => None,
    }
}

fn group(side: Side) -> &'static str {
    ["Code1", "Code2"][side as usize]
}

/// The rows that a story went through, and what was not as it says.
fn play(story: &Story) -> (BTreeSet<String>, Vec<String>) {
    let (mut play, mut rows, mut wrong) = (Play::new(), BTreeSet::new(), Vec::new());
    for (number, step, expected) in &story.lines {
        let understood = play.take(step).is_some();
        let found = if understood { play.found() } else { "this step cannot be taken here".to_owned() };
        rows.extend(found.split(" | ").nth(3).unwrap_or_default().split([' ', ',']).map(str::to_owned));
        if found != *expected {
            wrong.push(format!("{}:{number}: {step}\n    expected  {expected}\n    found     {found}", story.file));
        }
    }
    (rows, wrong)
}

#[test]
fn every_story_goes_as_it_is_written() {
    let wrong: Vec<String> = stories().iter().flat_map(|story| play(story).1).collect();
    assert!(wrong.is_empty(), "\n{}\n{} steps are not as written", wrong.join("\n"), wrong.len());
}

#[test]
fn every_row_has_a_story_that_goes_through_it() {
    let stories = stories();
    for (name, _) in ROWS {
        let tells = |story: &&Story| story.about.iter().any(|about| about == name);
        assert!(stories.iter().any(|story| tells(&story) && play(story).0.contains(name)), "row {name} has no story");
    }
}

#[test]
fn every_scenario_of_one_pair_has_a_story() {
    let stories = stories();
    for scenario in SCENARIOS.iter().filter(|scenario| scenario.pairs == 1) {
        let tells = |story: &Story| story.about.iter().any(|about| about == scenario.name);
        assert!(stories.iter().any(tells), "no story tells of \"{}\"", scenario.name);
    }
}
