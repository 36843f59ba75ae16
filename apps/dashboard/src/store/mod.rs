//! Where rows, compares and sessions are kept: on this process's disk, and in Redis where replicas share them.

mod disk;
mod shared;

use std::path::Path;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

pub use disk::Disk;
pub use shared::{LEASE, Lease, Shared};

use crate::model::{Project, Row};
use crate::releases::Known;

/// What releases are kept as.
const RELEASES: &str = "releases";

/// Why something could not be kept or found. The text is for people and has no secret in it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct StoreError(pub String);

/// The store of one process.
pub struct Store {
    disk: Arc<Disk>,
    shared: Option<Shared>,
}

impl Store {
    /// Opens the disk below `folder`; Redis is asked when it is first needed.
    pub fn open(folder: &Path, shared: Option<Shared>) -> Result<Store, StoreError> {
        Ok(Store { disk: Arc::new(Disk::open(folder)?), shared })
    }

    /// Redis, where replicas share it.
    pub fn shared(&self) -> Option<&Shared> {
        self.shared.as_ref()
    }

    async fn on_disk<T: Send + 'static>(
        &self,
        call: impl FnOnce(&Disk) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let disk = self.disk.clone();
        tokio::task::spawn_blocking(move || call(&disk))
            .await
            .map_err(|error| StoreError(format!("the store stopped: {error}")))?
    }

    /// The rows that this process last saw.
    pub async fn rows(&self) -> Result<Vec<Row>, StoreError> {
        self.on_disk(Disk::rows).await
    }

    /// Keeps a row on disk, and in Redis under the lease of the one who refreshes.
    pub async fn keep(&self, row: &Row, lease: &Lease) -> Result<(), StoreError> {
        let bytes = encode(row)?;
        if let Some(shared) = &self.shared {
            shared.keep(row.project.id, &bytes, lease).await?;
        }
        self.keep_on_disk(vec![(row.project.id, bytes)], Vec::new()).await
    }

    /// Keeps rows on disk alone.
    pub async fn keep_on_disk(&self, rows: Vec<(u64, Vec<u8>)>, gone: Vec<u64>) -> Result<(), StoreError> {
        self.on_disk(move |disk| disk.keep(&rows, &gone)).await
    }

    /// Keeps the list of projects; rows of others are dropped.
    pub async fn keep_list(&self, projects: &[Project], gone: Vec<u64>, lease: &Lease) -> Result<(), StoreError> {
        if let Some(shared) = &self.shared {
            shared.keep_list(&encode(&(projects, Timestamp::now()))?, &gone, lease).await?;
        }
        self.keep_on_disk(Vec::new(), gone).await
    }

    /// The releases that this process last saw.
    pub async fn releases(&self) -> Result<Known, StoreError> {
        let kept = self.on_disk(|disk| disk.kept(RELEASES)).await?;
        // What another version wrote is read anew.
        Ok(kept.and_then(|kept| serde_json::from_slice(&kept).ok()).unwrap_or_default())
    }

    /// Keeps releases on disk, and in Redis under the lease of the one who refreshes.
    pub async fn keep_releases(&self, known: &Known, lease: &Lease) -> Result<(), StoreError> {
        let bytes = encode(known)?;
        if let Some(shared) = &self.shared {
            shared.keep_releases(&bytes, lease).await?;
        }
        self.keep_releases_on_disk(bytes).await
    }

    /// Keeps releases on disk alone.
    pub async fn keep_releases_on_disk(&self, bytes: Vec<u8>) -> Result<(), StoreError> {
        self.on_disk(move |disk| disk.keep_as(RELEASES, &bytes)).await
    }

    /// A compare that was kept, on this disk or in Redis.
    pub async fn compare(&self, key: String) -> Result<Option<u32>, StoreError> {
        let name = key.clone();
        if let Some(commits) = self.on_disk(move |disk| disk.compare(&name)).await? {
            return Ok(Some(commits));
        }
        match &self.shared {
            Some(shared) => shared.compare(&key).await,
            None => Ok(None),
        }
    }

    /// Keeps a compare for good: a pair of SHAs never changes.
    pub async fn keep_compare(&self, key: String, commits: u32) -> Result<(), StoreError> {
        if let Some(shared) = &self.shared {
            shared.keep_compare(&key, commits).await?;
        }
        self.on_disk(move |disk| disk.keep_compare(&key, commits)).await
    }

    /// Puts a value on the shelf of sessions for some time.
    pub async fn put(&self, key: String, value: String, ttl: SignedDuration) -> Result<(), StoreError> {
        match &self.shared {
            Some(shared) => shared.put(&key, &value, ttl).await,
            None => self.on_disk(move |disk| disk.put(&key, value, ttl, Timestamp::now())).await,
        }
    }

    /// Replaces a value on the shelf; one that was taken off meanwhile stays away.
    pub async fn replace(&self, key: String, value: String, ttl: SignedDuration) -> Result<(), StoreError> {
        match &self.shared {
            Some(shared) => shared.replace(&key, &value, ttl).await,
            None => self.on_disk(move |disk| disk.replace(&key, value, ttl, Timestamp::now())).await,
        }
    }

    /// What is on the shelf of sessions.
    pub async fn get(&self, key: String) -> Result<Option<String>, StoreError> {
        match &self.shared {
            Some(shared) => shared.get(&key).await,
            None => self.on_disk(move |disk| disk.get(&key, Timestamp::now())).await,
        }
    }

    /// Takes a value off the shelf: of two that try, one gets it.
    pub async fn take(&self, key: String) -> Result<Option<String>, StoreError> {
        match &self.shared {
            Some(shared) => shared.take(&key).await,
            None => self.on_disk(move |disk| disk.take(&key, Timestamp::now())).await,
        }
    }
}

fn encode(value: &impl serde::Serialize) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(value).map_err(|error| StoreError(format!("a row cannot be written as JSON: {error}")))
}
