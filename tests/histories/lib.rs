//! The stories beside this file, `*.txt`: one step a line, with what it leads to, written by hand. They are played against
//! the table alone (`tests/explore`) and, where a story says `binary: yes`, against the function's binary (`tests/product`).
#![expect(clippy::unwrap_used, clippy::panic, reason = "a story that cannot be read ends a test")]

mod step;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

pub use step::{Group, Half, Rule, Step};

/// A story.
#[derive(Clone, Debug)]
pub struct Story {
    /// The file's name.
    pub file: String,
    /// The rows and the scenarios that it is about.
    pub about: Vec<String>,
    /// Whether it is played against the binary, too.
    pub on_binary: bool,
    /// Its steps.
    pub lines: Vec<Line>,
}

/// One step of a story.
#[derive(Clone, Debug)]
pub struct Line {
    /// The line in the file.
    pub number: usize,
    /// The step as it is written.
    pub text: String,
    /// The step.
    pub step: Step,
    /// What is there afterwards.
    pub expected: State,
}

/// What is there after a step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Whom L1, L2 and T serve: two rules of the live port and one of the test port.
    pub rules: [String; 3],
    /// The newest record: `a.1 moving Code2`.
    pub newest: Option<String>,
    /// The closed jobs with their reasons.
    pub closed: BTreeSet<String>,
    /// The rows of the table that the step went through.
    pub rows: Vec<String>,
    /// The answers that were given: `A2 succeeded`.
    pub answers: Vec<String>,
}

impl State {
    fn parse(text: &str) -> Self {
        let columns: Vec<&str> = text.split('|').map(str::trim).collect();
        let [rules, newest, closed, rows, answers] = columns[..] else { panic!("five columns, not {text:?}") };
        let list = |text: &str, between: &[char]| -> Vec<String> {
            text.split(between).map(words).filter(|word| !word.is_empty() && word != "-").collect()
        };
        Self {
            rules: list(rules, &[' ']).try_into().unwrap_or_else(|_| panic!("three rules, not {rules:?}")),
            newest: Some(words(newest)).filter(|newest| newest != "none"),
            closed: list(closed, &[',']).into_iter().collect(),
            rows: list(rows, &[' ']),
            answers: list(answers, &[',']),
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_none = |words: String| if words.is_empty() { "-".to_owned() } else { words };
        let closed: Vec<&str> = self.closed.iter().map(String::as_str).collect();
        write!(
            f,
            "{} | {} | {} | {} | {}",
            self.rules.join(" "),
            self.newest.as_deref().unwrap_or("none"),
            or_none(closed.join(", ")),
            or_none(self.rows.join(" ")),
            or_none(self.answers.join(", "))
        )
    }
}

impl Story {
    /// Every story, by the names of their files.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let entries = std::fs::read_dir(env!("CARGO_MANIFEST_DIR")).unwrap();
        let files =
            entries.map(|entry| entry.unwrap().path()).filter(|file| file.extension().is_some_and(|ending| ending == "txt"));
        let files: BTreeMap<String, String> = files.map(|file| (name(&file), std::fs::read_to_string(&file).unwrap())).collect();
        files.iter().map(|(file, text)| Self::parse(file, text)).collect()
    }

    fn parse(file: &str, text: &str) -> Self {
        let mut story = Self { file: file.to_owned(), about: Vec::new(), on_binary: false, lines: Vec::new() };
        for (number, line) in (1..).zip(text.lines()) {
            if let Some(about) = line.strip_prefix("row: ").or(line.strip_prefix("scenario: ")) {
                story.about.push(about.trim().to_owned());
            } else if line.trim() == "binary: yes" {
                story.on_binary = true;
            } else if let Some((text, expected)) = line.split_once('|').filter(|(step, _)| step.trim() != "step") {
                let text = words(text);
                let step = Step::parse(&text).unwrap_or_else(|| panic!("{file}:{number}: no step is written like {text:?}"));
                story.lines.push(Line { number, text, step, expected: State::parse(expected) });
            }
        }
        story
    }

    /// A step that went otherwise than it is written, for a person.
    #[must_use]
    pub fn wrong(&self, line: &Line, found: &State) -> String {
        let Line { number, text, expected, .. } = line;
        format!("{}:{number}: {text}\n    expected  {expected}\n    found     {found}", self.file)
    }
}

fn name(file: &Path) -> String {
    file.file_name().unwrap().to_str().unwrap().to_owned()
}

/// The words of a text with one space between each two.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
