//! What the pages show: the newest rows, in memory. Readers never wait for GitLab, Redis or the disk.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use jiff::Timestamp;

use crate::model::{Project, Row, Trouble};
use crate::releases::Known;

/// All rows at one moment.
#[derive(Clone, Default)]
pub struct Snapshot {
    /// The rows by project id.
    pub rows: BTreeMap<u64, Arc<Row>>,
    /// Projects that are known and not read yet.
    pub waiting: BTreeMap<u64, Project>,
    /// When the list of projects was last read.
    pub listed_at: Option<Timestamp>,
    /// Why the list of projects could not be read.
    pub trouble: Option<Trouble>,
    /// Why the store shared by all replicas cannot be read; the rows are those of this replica's own disk.
    pub apart: Option<Trouble>,
    /// This project's own releases.
    pub releases: Arc<Known>,
}

impl Snapshot {
    /// Whether there is something to show: the list was read and no project waits for its first reading.
    pub fn ready(&self) -> bool {
        !self.rows.is_empty() || (self.listed_at.is_some() && self.waiting.is_empty())
    }
}

/// The newest snapshot, swapped as one.
#[derive(Default)]
pub struct Board(RwLock<Arc<Snapshot>>);

impl Board {
    /// The newest snapshot.
    pub fn now(&self) -> Arc<Snapshot> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes the snapshot; readers see all of the change or nothing of it.
    pub fn change(&self, change: impl FnOnce(&mut Snapshot)) {
        let mut guard = self.0.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut guard));
    }

    /// Shows a row that was read.
    pub fn put(&self, row: Arc<Row>) {
        self.put_all([row]);
    }

    /// Shows rows that came together.
    pub fn put_all(&self, rows: impl IntoIterator<Item = Arc<Row>>) {
        self.change(|snapshot| {
            for row in rows {
                snapshot.waiting.remove(&row.project.id);
                snapshot.rows.insert(row.project.id, row);
            }
        });
    }

    /// Takes over the list of projects: renamed ones get their new name, those that are gone leave.
    pub fn list(&self, projects: &[Project], at: Timestamp) {
        self.change(|snapshot| {
            snapshot.rows.retain(|id, _| projects.iter().any(|p| p.id == *id));
            snapshot.waiting.clear();
            for project in projects {
                match snapshot.rows.get_mut(&project.id) {
                    Some(row) if row.project != *project => Arc::make_mut(row).project = project.clone(),
                    Some(_) => {}
                    None => drop(snapshot.waiting.insert(project.id, project.clone())),
                }
            }
            snapshot.listed_at = Some(at);
        });
    }
}
