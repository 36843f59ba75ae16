//! A replica's view of what the refresher writes to Redis. While Redis is away, it shows what it has, and says so.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::board::Board;
use crate::model::{Project, Row, Trouble};
use crate::priorities::PriorityFile;
use crate::releases::Known;
use crate::store::{Store, StoreError};

/// How often a replica looks.
const EVERY: Duration = Duration::from_millis(1_000);

/// Follows Redis for ever. Without Redis there is nothing to follow.
pub async fn follow(store: &Store, board: &Board, priorities: &PriorityFile) {
    let mut seen = 0;
    loop {
        if let Some(Err(error)) = priorities.read_again() {
            tracing::error!(%error, "priorities not taken over, the last good ones stay");
        }
        match look(store, board, &mut seen).await {
            Ok(()) => {
                if board.now().apart.is_some() {
                    tracing::info!("Redis answers again");
                    board.change(|snapshot| snapshot.apart = None);
                }
            }
            Err(error) if board.now().apart.is_none() => {
                tracing::error!(%error, "showing what was last seen");
                board.change(|snapshot| snapshot.apart = Some(Trouble { at: Timestamp::now(), text: error.0 }));
            }
            // What is known already is not said every second.
            Err(_) => {}
        }
        tokio::time::sleep(EVERY).await;
    }
}

async fn look(store: &Store, board: &Board, seen: &mut u64) -> Result<(), StoreError> {
    let Some(shared) = store.shared() else { return std::future::pending().await };
    // A Redis that came back empty counts from the beginning.
    if shared.count().await? < *seen {
        *seen = 0;
    }
    let changes = shared.changes(*seen).await?;
    if let Some(list) = &changes.list {
        let (projects, at): (Vec<Project>, Timestamp) =
            serde_json::from_slice(list).map_err(|error| StoreError(format!("the list in Redis is not readable: {error}")))?;
        if board.now().listed_at != Some(at) {
            board.list(&projects, at);
        }
    }
    let trouble = changes.trouble.and_then(|trouble| serde_json::from_slice(&trouble).ok());
    if board.now().trouble != trouble {
        board.change(|snapshot| snapshot.trouble = trouble);
    }
    take_releases(store, board, changes.releases).await?;
    let (mut kept, mut rows) = (Vec::new(), Vec::new());
    for (id, bytes) in changes.rows {
        match serde_json::from_slice::<Row>(&bytes) {
            Ok(row) => {
                rows.push(Arc::new(row));
                kept.push((id, bytes));
            }
            Err(error) => tracing::warn!(project = id, %error, "row in Redis not readable"),
        }
    }
    if !kept.is_empty() {
        board.put_all(rows);
        store.keep_on_disk(kept, Vec::new()).await?;
    }
    *seen = changes.seen;
    Ok(())
}

/// Takes releases over where they are others than those that are shown.
async fn take_releases(store: &Store, board: &Board, releases: Option<Vec<u8>>) -> Result<(), StoreError> {
    let Some(bytes) = releases else { return Ok(()) };
    match serde_json::from_slice::<Known>(&bytes) {
        Ok(known) if known != *board.now().releases => {
            store.keep_releases_on_disk(bytes).await?;
            board.change(|snapshot| snapshot.releases = Arc::new(known));
        }
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, "releases in Redis not readable"),
    }
    Ok(())
}
