//! `priority_project_ids.yml`: which projects come first, in which group and category.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use serde::Deserialize;
use serde_saphyr::Spanned;

/// What a project that the file does not name belongs to.
pub const OTHERS: &str = "others";

/// A place in the order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// `gitflow`, `trunk` or `others`.
    pub group: String,
    /// `backend`, `frontend`, …; empty for others.
    pub category: String,
    /// The place in the file, from 0.
    pub rank: usize,
}

/// The order of projects and columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Priorities {
    places: HashMap<u64, Place>,
    /// The names of the environments' columns in their order; empty: as the tiers say.
    pub environments: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    gitflow: Categories,
    #[serde(default)]
    trunk: Categories,
    #[serde(default)]
    environments: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(transparent)]
struct Categories(BTreeMap<String, Spanned<Vec<Spanned<u64>>>>);

impl Priorities {
    /// Reads the file's text. The error names the line.
    pub fn parse(text: &str) -> Result<Priorities, String> {
        if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
            return Ok(Priorities::default());
        }
        let file: File = serde_saphyr::from_str(text).map_err(|error| match error.location() {
            Some(at) => format!("line {}: {}", at.line(), plain(&error)),
            None => plain(&error),
        })?;
        let mut lines: HashMap<u64, u64> = HashMap::new();
        let mut places = HashMap::new();
        for (group, categories) in [("gitflow", &file.gitflow), ("trunk", &file.trunk)] {
            let mut in_order: Vec<_> = categories.0.iter().collect();
            in_order.sort_by_key(|(_, ids)| ids.referenced.line());
            for (category, ids) in in_order {
                for id in &ids.value {
                    let line = id.referenced.line();
                    if let Some(first) = lines.insert(id.value, line) {
                        return Err(format!(
                            "line {line}: project {} is on line {first} already; each project has one place",
                            id.value
                        ));
                    }
                    let place = Place { group: group.into(), category: category.clone(), rank: places.len() };
                    places.insert(id.value, place);
                }
            }
        }
        Ok(Priorities { places, environments: file.environments })
    }

    /// A project's place.
    pub fn place(&self, project: u64) -> Place {
        let others = || Place { group: OTHERS.into(), category: String::new(), rank: usize::MAX };
        self.places.get(&project).cloned().unwrap_or_else(others)
    }

    /// The projects that the file names, first ones first.
    pub fn ids(&self) -> Vec<u64> {
        let mut ids: Vec<_> = self.places.iter().map(|(id, place)| (place.rank, *id)).collect();
        ids.sort_unstable();
        ids.into_iter().map(|(_, id)| id).collect()
    }
}

/// The first line of an error, without the parser's picture of the place.
fn plain(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    text.lines().next().unwrap_or("it cannot be read as YAML").trim_start_matches("error: ").to_owned()
}

/// The file, read again when it changes. A bad one is an error; the last good one stays.
pub struct PriorityFile {
    path: Option<PathBuf>,
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    text: Option<String>,
    good: Arc<Priorities>,
    error: Option<String>,
}

impl PriorityFile {
    /// The file at `path`; nothing is read yet. A file that is not there names no project.
    pub fn at(path: &Path) -> PriorityFile {
        PriorityFile { path: Some(path.to_owned()), state: RwLock::default() }
    }

    /// An order that never changes.
    pub fn fixed(good: Priorities) -> PriorityFile {
        PriorityFile { path: None, state: RwLock::new(State { good: Arc::new(good), ..State::default() }) }
    }

    /// Reads the file again. Returns what is new about it: `Ok` for a changed order, `Err` for a new error.
    pub fn read_again(&self) -> Option<Result<(), String>> {
        let path = self.path.as_ref()?;
        let name = path.display();
        let (text, parsed) = match std::fs::read_to_string(path) {
            Ok(text) => (Some(text.clone()), Priorities::parse(&text).map_err(|error| format!("{name}, {error}"))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => (None, Ok(Priorities::default())),
            Err(error) => (None, Err(format!("{name} cannot be read: {error}"))),
        };
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let error = parsed.as_ref().err().cloned();
        if state.text == text && state.error == error {
            return None;
        }
        (state.text, state.error) = (text, error);
        Some(parsed.map(|good| state.good = Arc::new(good)))
    }

    /// The last good order, and the error of a newer file.
    pub fn now(&self) -> (Arc<Priorities>, Option<String>) {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        (state.good.clone(), state.error.clone())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test says by a panic what it found")]
mod tests {
    use super::*;

    #[test]
    fn projects_keep_the_order_of_the_file() {
        let file = "trunk:\n  web: [9]\ngitflow:\n  zoo: [3, 1]\n  ant:\n    - 2\n";
        let priorities = Priorities::parse(file).unwrap();
        assert_eq!(priorities.ids(), [3, 1, 2, 9]);
        assert_eq!(priorities.place(2), Place { group: "gitflow".into(), category: "ant".into(), rank: 2 });
        assert_eq!(priorities.place(77).group, OTHERS);
    }

    #[test]
    fn a_bad_file_is_an_error_with_its_line() {
        let table = [
            ("gitflow:\n  backend: [1, x]\n", "line 2"),
            ("gitflow:\n  backend: [1]\ntrunk:\n  web: [2, 1]\n", "line 4: project 1 is on line 2 already"),
            ("gitflow:\n  backend: [1]\nfeature: {}\n", "line 3"),
            ("gitflow:\n  backend: [1\n", "line "),
            ("gitflow:\n  backend: [-5]\n", "line 2"),
            ("gitflow: 7\n", "line 1"),
        ];
        for (text, expected) in table {
            let error = Priorities::parse(text).unwrap_err();
            assert!(error.contains(expected), "{text:?}: {error}");
        }
    }

    #[test]
    fn an_empty_file_names_no_project() {
        assert_eq!(Priorities::parse("# nothing yet\n").unwrap(), Priorities::default());
    }

    #[test]
    fn a_bad_change_keeps_the_last_good_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("priorities.yml");
        let file = PriorityFile::at(&path);
        assert_eq!(file.read_again(), None, "no file and no order are the same");
        std::fs::write(&path, "trunk:\n  web: [5]\n").unwrap();
        assert_eq!(file.read_again(), Some(Ok(())));
        assert_eq!(file.read_again(), None, "read, not changed");
        std::fs::write(&path, "trunk:\n  web: [5, 5]\n").unwrap();
        assert!(file.read_again().unwrap().unwrap_err().contains("priorities.yml, line 2"));
        assert_eq!(file.now().0.ids(), [5]);
        assert!(file.now().1.is_some());
        std::fs::write(&path, "trunk:\n  web: [6]\n").unwrap();
        assert_eq!(file.read_again(), Some(Ok(())));
        assert_eq!((file.now().0.ids(), file.now().1), (vec![6], None));
    }
}
