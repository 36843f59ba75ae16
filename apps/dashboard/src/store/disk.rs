//! The snapshot on disk: rows, compares, sessions of this process. A restart shows what was read before.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use serde::{Deserialize, Serialize};

use super::StoreError;
use crate::model::Row;

const ROWS: TableDefinition<u64, &[u8]> = TableDefinition::new("rows");
const COMPARES: TableDefinition<&str, u32> = TableDefinition::new("compares");
const KEPT: TableDefinition<&str, &[u8]> = TableDefinition::new("kept");
const SHELF: TableDefinition<&str, &[u8]> = TableDefinition::new("shelf");

/// Memory for pages of the file: rows are in memory already, and sessions are small.
const CACHE: usize = 4 << 20;

/// The embedded store. Its calls block; [`super::Store`] keeps them off the runtime's threads.
pub struct Disk(Database);

#[derive(Serialize, Deserialize)]
struct Kept {
    until: Timestamp,
    value: String,
}

impl Disk {
    /// Opens the file below `folder`, or makes it.
    pub fn open(folder: &Path) -> Result<Disk, StoreError> {
        let path = folder.join("dashboard.redb");
        let say = |error: &dyn std::fmt::Display| {
            StoreError(format!(
                "{} cannot be opened: {error}. DATA_DIR must be a folder that this user may write to and that no other dashboard uses.",
                path.display()
            ))
        };
        std::fs::create_dir_all(folder).map_err(|error| say(&error))?;
        let database = Database::builder().set_cache_size(CACHE).create(&path).map_err(|error| say(&error))?;
        let disk = Disk(database);
        disk.write(|transaction| {
            transaction.open_table(ROWS)?;
            transaction.open_table(COMPARES)?;
            transaction.open_table(SHELF)?;
            transaction.open_table(KEPT)?;
            Ok(())
        })?;
        Ok(disk)
    }

    fn write<T>(&self, change: impl FnOnce(&redb::WriteTransaction) -> Result<T, redb::Error>) -> Result<T, StoreError> {
        let changed = (|| {
            let transaction = self.0.begin_write()?;
            let result = change(&transaction)?;
            transaction.commit()?;
            Ok(result)
        })();
        changed.map_err(|error: redb::Error| StoreError(format!("the snapshot on disk cannot be written: {error}")))
    }

    fn read<T>(&self, look: impl FnOnce(&redb::ReadTransaction) -> Result<T, redb::Error>) -> Result<T, StoreError> {
        let seen = (|| look(&self.0.begin_read()?))();
        seen.map_err(|error: redb::Error| StoreError(format!("the snapshot on disk cannot be read: {error}")))
    }

    /// Every row. One that another version wrote and this one cannot read is left out; it is read from GitLab again.
    pub fn rows(&self) -> Result<Vec<Row>, StoreError> {
        self.read(|transaction| {
            let table = transaction.open_table(ROWS)?;
            let mut rows = Vec::new();
            for entry in table.iter()? {
                let (id, value) = entry?;
                match serde_json::from_slice(value.value()) {
                    Ok(row) => rows.push(row),
                    Err(error) => tracing::warn!(project = id.value(), %error, "row on disk not readable, reading it anew"),
                }
            }
            Ok(rows)
        })
    }

    /// Keeps rows, and drops those of projects that are gone.
    pub fn keep(&self, rows: &[(u64, Vec<u8>)], gone: &[u64]) -> Result<(), StoreError> {
        self.write(|transaction| {
            let mut table = transaction.open_table(ROWS)?;
            for (id, row) in rows {
                table.insert(id, row.as_slice())?;
            }
            for id in gone {
                table.remove(id)?;
            }
            Ok(())
        })
    }

    /// Something that is kept under a name.
    pub fn kept(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(|transaction| Ok(transaction.open_table(KEPT)?.get(name)?.map(|value| value.value().to_vec())))
    }

    /// Keeps something under a name.
    pub fn keep_as(&self, name: &str, value: &[u8]) -> Result<(), StoreError> {
        self.write(|transaction| {
            transaction.open_table(KEPT)?.insert(name, value)?;
            Ok(())
        })
    }

    /// A compare that was kept.
    pub fn compare(&self, key: &str) -> Result<Option<u32>, StoreError> {
        self.read(|transaction| Ok(transaction.open_table(COMPARES)?.get(key)?.map(|count| count.value())))
    }

    /// Keeps a compare for good.
    pub fn keep_compare(&self, key: &str, commits: u32) -> Result<(), StoreError> {
        self.write(|transaction| {
            transaction.open_table(COMPARES)?.insert(key, commits)?;
            Ok(())
        })
    }

    /// Puts a value on the shelf for some time, and clears away what is past its time.
    pub fn put(&self, key: &str, value: String, ttl: SignedDuration, now: Timestamp) -> Result<(), StoreError> {
        self.shelve(key, value, ttl, now, false)
    }

    /// Replaces a value that is still on the shelf.
    pub fn replace(&self, key: &str, value: String, ttl: SignedDuration, now: Timestamp) -> Result<(), StoreError> {
        self.shelve(key, value, ttl, now, true)
    }

    fn shelve(&self, key: &str, value: String, ttl: SignedDuration, now: Timestamp, only_known: bool) -> Result<(), StoreError> {
        let kept = serde_json::to_vec(&Kept { until: now + ttl, value }).map_err(|error| StoreError(error.to_string()))?;
        self.write(|transaction| {
            let mut shelf = transaction.open_table(SHELF)?;
            shelf.retain(|_, value| in_time(value, now).is_some())?;
            let known = shelf.get(key)?.is_some();
            if known || !only_known {
                shelf.insert(key, kept.as_slice())?;
            }
            Ok(())
        })
    }

    /// What is on the shelf.
    pub fn get(&self, key: &str, now: Timestamp) -> Result<Option<String>, StoreError> {
        self.read(|transaction| {
            let shelf = transaction.open_table(SHELF)?;
            Ok(shelf.get(key)?.and_then(|value| in_time(value.value(), now)))
        })
    }

    /// Takes a value off the shelf: of two that try, one gets it.
    pub fn take(&self, key: &str, now: Timestamp) -> Result<Option<String>, StoreError> {
        self.write(|transaction| {
            let mut shelf = transaction.open_table(SHELF)?;
            Ok(shelf.remove(key)?.and_then(|value| in_time(value.value(), now)))
        })
    }
}

fn in_time(value: &[u8], now: Timestamp) -> Option<String> {
    serde_json::from_slice::<Kept>(value).ok().filter(|kept| kept.until > now).map(|kept| kept.value)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test says by a panic what it found")]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_or_late_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::open(folder.path()).unwrap();
        let now = Timestamp::UNIX_EPOCH;
        let minute = SignedDuration::from_mins(1);
        disk.put("a", "1".into(), minute, now).unwrap();
        disk.put("b", "2".into(), minute, now).unwrap();
        assert_eq!(disk.take("a", now).unwrap().as_deref(), Some("1"));
        assert_eq!(disk.take("a", now).unwrap(), None);
        assert_eq!(disk.get("b", now).unwrap().as_deref(), Some("2"));
        assert_eq!(disk.get("b", now + minute).unwrap(), None);
    }

    #[test]
    fn one_folder_is_for_one_process() {
        let folder = tempfile::tempdir().unwrap();
        let _first = Disk::open(folder.path()).unwrap();
        let error = Disk::open(folder.path()).err().unwrap().0;
        assert!(error.contains("DATA_DIR") && error.contains("dashboard.redb"), "{error}");
    }
}
