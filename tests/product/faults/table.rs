//! The table of fault and outcome that stands in the README: written by the sweep, compared on every run.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use local_aws::gateway::{FaultKind, Lasts};

use crate::faults::outcome::{Answer, Ended};
use crate::faults::rules::Traffic;

const PHASES: [&str; 7] = ["reading", "record", "live rules", "test rules", "second look", "closing", "answer"];
const BEGIN: &str = "<!-- written by the sweep: begin -->";
const END: &str = "<!-- written by the sweep: end -->";

/// What came of each fault, by where it struck.
#[derive(Debug, Default)]
pub struct Table(BTreeMap<(usize, bool), BTreeMap<&'static str, BTreeSet<&'static str>>>);

impl Table {
    pub fn add(&mut self, phase: &'static str, kind: FaultKind, lasts: Lasts, ended: &Ended) {
        let Some(row) = FaultKind::ALL.iter().position(|known| *known == kind) else { return };
        let row = (row, lasts == Lasts::Invocation);
        let end = match (&ended.answer, ended.traffic()) {
            (Answer::Succeeded, Traffic::Flipped) => "flipped",
            (Answer::Failed(..), Traffic::Before) => "failed, not flipped",
            (Answer::Failed(..), Traffic::Flipped) if ended.came_again() => "failed, then flipped",
            _ => "wrong",
        };
        self.0.entry(row).or_default().entry(phase).or_default().insert(end);
    }

    pub fn merge(&mut self, other: Self) {
        for (row, cells) in other.0 {
            for (phase, ends) in cells {
                self.0.entry(row).or_default().entry(phase).or_default().extend(ends);
            }
        }
    }

    fn markdown(&self) -> String {
        let mut lines = vec![format!("| fault | {} |", PHASES.join(" | ")), format!("|---|{}", "---|".repeat(PHASES.len()))];
        // A fault that stays and one that passes often end alike: then they share a row.
        for (number, kind) in FaultKind::ALL.iter().enumerate() {
            let cells = |lasting: bool| -> Vec<String> {
                let row = self.0.get(&(number, lasting));
                PHASES.iter().map(|phase| row.and_then(|row| row.get(phase)).map(join).unwrap_or_default()).collect()
            };
            let (once, lasting) = (cells(false), cells(true));
            if once == lasting || matches!(kind, FaultKind::KillBefore | FaultKind::KillAfter) {
                lines.push(format!("| {} | {} |", name(*kind), once.join(" | ")));
            } else {
                lines.push(format!("| {}, once | {} |", name(*kind), once.join(" | ")));
                lines.push(format!("| {}, for the rest of the invocation | {} |", name(*kind), lasting.join(" | ")));
            }
        }
        lines.join("\n")
    }

    /// Compares with the README's table; with `BLESS=1` in the environment it writes it.
    pub fn compare_with_readme(&self) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
        let readme = std::fs::read_to_string(&path).unwrap();
        let (head, rest) = readme.split_once(BEGIN).unwrap();
        let (written, tail) = rest.split_once(END).unwrap();
        let table = self.markdown();
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, format!("{head}{BEGIN}\n{table}\n{END}{tail}")).unwrap();
        } else {
            assert_eq!(written.trim(), table, "README.md's table of faults is not what the sweep found; BLESS=1 writes it");
        }
    }
}

fn join(ends: &BTreeSet<&'static str>) -> String {
    // The closing and a label go side by side: which of them is struck from then on is chance, so the worse end counts.
    if let Some(worse) = ends.get("failed, then flipped") {
        return (*worse).to_owned();
    }
    ends.iter().copied().collect::<Vec<_>>().join(" / ")
}

fn name(kind: FaultKind) -> &'static str {
    match kind {
        FaultKind::KillBefore => "killed before the call",
        FaultKind::KillAfter => "killed after the call",
        FaultKind::ResetBefore => "connection reset, call lost",
        FaultKind::ResetAfter => "connection reset, answer lost",
        FaultKind::Status500 => "HTTP 500",
        FaultKind::Status503 => "HTTP 503",
        FaultKind::Throttled => "throttled",
        FaultKind::Hang => "no answer, call lost",
        FaultKind::HangAfter => "no answer, call done",
        FaultKind::CutAnswer => "answer cut in half",
        FaultKind::AccessDenied => "access denied",
        FaultKind::FirstTag => "one of several tags lands",
        FaultKind::FirstTagReset => "one of several tags lands, answer lost",
        FaultKind::TagsWiped(_) => "tags wiped just before the call",
        FaultKind::Refused(code) => code,
    }
}
