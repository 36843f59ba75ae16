//! The person in front of the demo: lines that are typed, or consent to everything.

use std::io::stdin;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Answers questions.
pub(super) struct People {
    /// None where every question is answered with yes.
    lines: Option<UnboundedReceiver<String>>,
}

/// What somebody answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Approved,
    Rejected,
    /// Neither: what was typed.
    Unclear(String),
    /// Nobody is there to answer: standard input has ended.
    Nobody,
}

impl People {
    /// Somebody at the keyboard, or one who says yes to everything.
    pub fn new(yes: bool) -> Self {
        Self { lines: (!yes).then(typed) }
    }

    /// The next line that is typed; none where nobody can type any more.
    pub async fn line(&mut self) -> Option<String> {
        match &mut self.lines {
            Some(lines) => lines.recv().await,
            None => None,
        }
    }

    /// The answer to a question that was just shown.
    pub async fn answer(&mut self) -> Answer {
        if self.lines.is_none() {
            return Answer::Approved;
        }
        match self.line().await.as_deref().map(str::trim) {
            Some("" | "y" | "yes") => Answer::Approved,
            Some("n" | "no") => Answer::Rejected,
            Some(other) => Answer::Unclear(other.to_owned()),
            None => Answer::Nobody,
        }
    }

    /// From now on somebody at the keyboard answers.
    pub fn sit_down(&mut self) {
        self.lines.get_or_insert_with(typed);
    }

    /// Whether every question is answered with yes.
    pub fn say_yes(&self) -> bool {
        self.lines.is_none()
    }
}

/// Lines of standard input. A thread of its own: a read cannot be cancelled, and must not hold up the end of the demo.
fn typed() -> UnboundedReceiver<String> {
    let (sender, receiver) = unbounded_channel();
    std::thread::spawn(move || {
        for line in stdin().lines() {
            let Ok(line) = line else { return };
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
