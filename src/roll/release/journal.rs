//! What a release writes on the revisions that it registers: tags of its own, which no later revision inherits.

use std::collections::BTreeMap;

/// The release's id.
pub const RELEASE: &str = "bluegreen:release";
/// What the member ran before: of a service the number of its service revision, of a schedule its task definition.
pub const BEFORE: &str = "bluegreen:before";
/// Which member of the release: `service NAME`, `schedule NAME` or `task NAME`.
pub const MEMBER: &str = "bluegreen:member";
/// On a copy of a former revision that an undo registered: the revision that it takes back.
pub const UNDO: &str = "bluegreen:undo";
/// How the release ended: `done`, `undone` or `task-failed`. Without it the release is under way, or its deployer died.
pub const ENDED: &str = "bluegreen:ended";
/// On a one-off task's revision, how its last run ended: the number of the run, the task's id and its exit code.
pub const RAN: &str = "bluegreen:ran";
/// On a revision whose images are tags that move: the digest of a container's image when the release began. Its name follows.
pub const DIGEST_OF: &str = "bluegreen:digest.";
/// The tags above, but for the last: they belong to one revision.
pub const ALL: [&str; 6] = [RELEASE, BEFORE, MEMBER, UNDO, ENDED, RAN];
/// The longest value of a tag (Amazon ECS API reference, Tag).
const LONGEST: usize = 256;

/// What a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A service.
    Service,
    /// A schedule of EventBridge Scheduler.
    Schedule,
    /// A one-off task.
    Task,
}

impl Kind {
    /// In a word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Schedule => "schedule",
            Self::Task => "task",
        }
    }
}

/// How a release ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// All is new, and its tasks ran.
    Done,
    /// All is as before.
    Undone,
    /// All is new, and a one-off task failed.
    TaskFailed,
}

impl End {
    /// As it is written.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Undone => "undone",
            Self::TaskFailed => "task-failed",
        }
    }

    fn read(text: &str) -> Option<Self> {
        [Self::Done, Self::Undone, Self::TaskFailed].into_iter().find(|end| end.word() == text)
    }
}

/// What the tags of a revision say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The release.
    pub release: String,
    /// Which member.
    pub member: String,
    /// What the member ran before; empty for a task.
    pub before: String,
    /// On a copy that an undo registered: what it takes back.
    pub undo: Option<String>,
    /// How the release ended, where it did.
    pub ended: Option<End>,
    /// How often the task ran, and the last exit code.
    pub ran: Option<Ran>,
}

/// How the last run of a one-off task ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// The number of the run, from 1.
    pub run: u32,
    /// The task's id.
    pub task: String,
    /// Its exit code; none where it had none.
    pub code: Option<i64>,
}

impl Ran {
    /// As it is written.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{} {} {}", self.run, self.task, self.code.map_or_else(|| "none".to_owned(), |code| code.to_string()))
    }

    fn read(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let (run, task, code) = (words.next()?.parse().ok()?, words.next()?.to_owned(), words.next()?);
        let code = if code == "none" { None } else { Some(code.parse().ok()?) };
        Some(Self { run, task, code })
    }
}

impl Entry {
    /// Reads the tags; none where they are of no release.
    #[must_use]
    pub fn read(tags: &BTreeMap<String, String>) -> Option<Self> {
        let text = |key: &str| tags.get(key).cloned();
        Some(Self {
            release: text(RELEASE)?,
            member: text(MEMBER).unwrap_or_default(),
            before: text(BEFORE).unwrap_or_default(),
            undo: text(UNDO),
            ended: tags.get(ENDED).and_then(|word| End::read(word)),
            ran: tags.get(RAN).and_then(|text| Ran::read(text)),
        })
    }

    /// The tags of a revision that is to be registered.
    ///
    /// # Errors
    /// A value that no tag can hold: a sentence.
    pub fn tags(&self) -> Result<BTreeMap<String, String>, String> {
        let mut tags = BTreeMap::from([(RELEASE.to_owned(), self.release.clone()), (MEMBER.to_owned(), self.member.clone())]);
        if !self.before.is_empty() {
            tags.insert(BEFORE.to_owned(), self.before.clone());
        }
        if let Some(undo) = &self.undo {
            tags.insert(UNDO.to_owned(), undo.clone());
        }
        match tags.iter().find(|(_, value)| value.chars().count() > LONGEST || !value.chars().all(is_legal)) {
            Some((key, value)) => Err(format!(
                "{value:?} cannot be the value of the tag {key}: at most {LONGEST} letters, digits, spaces and + - = . _ : / @"
            )),
            None => Ok(tags),
        }
    }
}

fn is_legal(character: char) -> bool {
    character.is_alphanumeric() || " +-=._:/@".contains(character)
}

/// Whether this can be a release's id.
#[must_use]
pub fn is_id(text: &str) -> bool {
    (1..=128).contains(&text.chars().count()) && text.trim() == text && text.chars().all(is_legal)
}

/// How a member is named on its revision.
#[must_use]
pub fn member(kind: Kind, name: &str) -> String {
    format!("{} {name}", kind.word())
}

#[cfg(test)]
mod tests {
    use super::{End, Entry, Kind, Ran, is_id, member};

    #[test]
    fn what_is_written_is_read_again() {
        let entry = Entry {
            release: "1.5.0".to_owned(),
            member: member(Kind::Service, "web"),
            before: "7".to_owned(),
            undo: None,
            ended: None,
            ran: None,
        };
        let mut tags = entry.tags().unwrap_or_default();
        assert_eq!(Entry::read(&tags), Some(entry.clone()));
        tags.insert("bluegreen:ended".to_owned(), End::Undone.word().to_owned());
        tags.insert("bluegreen:ran".to_owned(), Ran { run: 2, task: "ab".to_owned(), code: None }.text());
        let ran = Some(Ran { run: 2, task: "ab".to_owned(), code: None });
        assert_eq!(Entry::read(&tags), Some(Entry { ended: Some(End::Undone), ran, ..entry }));
    }

    #[test]
    fn what_a_tag_cannot_hold_is_refused() {
        let entry = |before: String| Entry {
            release: "1".to_owned(),
            member: "service a".to_owned(),
            before,
            undo: None,
            ended: None,
            ran: None,
        };
        assert!(entry("x".repeat(257)).tags().is_err() && entry("a;b".to_owned()).tags().is_err());
        assert!(is_id("1.5.0-rc.1") && is_id("42/7") && !is_id("") && !is_id(" 1") && !is_id("a;b"));
    }
}
