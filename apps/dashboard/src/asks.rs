//! "Refresh now": what people ask the refresher for, at most once every few seconds a project.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::store::{Store, StoreError};

/// How long a project rests between two requests for it.
pub const PAUSE: Duration = Duration::from_secs(15);

/// The requests of this process.
pub struct Asks {
    last: Mutex<HashMap<u64, Instant>>,
    send: mpsc::UnboundedSender<u64>,
    receive: tokio::sync::Mutex<mpsc::UnboundedReceiver<u64>>,
}

impl Default for Asks {
    fn default() -> Asks {
        let (send, receive) = mpsc::unbounded_channel();
        Asks { last: Mutex::default(), send, receive: receive.into() }
    }
}

impl Asks {
    /// Asks for a project. `Ok(Err(wait))` where somebody has just done so.
    pub async fn ask(&self, project: u64, store: &Store) -> Result<Result<(), Duration>, StoreError> {
        {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            last.retain(|_, at| at.elapsed() < PAUSE);
            if let Some(at) = last.get(&project) {
                return Ok(Err(PAUSE.saturating_sub(at.elapsed())));
            }
            last.insert(project, Instant::now());
        }
        match store.shared() {
            Some(shared) => shared.ask(project).await?,
            // The receiver lives as long as the sender: both are here.
            None => drop(self.send.send(project)),
        }
        Ok(Ok(()))
    }

    /// The next project that somebody asked for, here or at another replica.
    pub async fn next(&self, store: &Store) -> u64 {
        loop {
            let Some(shared) = store.shared() else {
                match self.receive.lock().await.recv().await {
                    Some(project) => return project,
                    None => std::future::pending().await,
                }
            };
            match shared.asked().await {
                Ok(Some(project)) => return project,
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "requests of people cannot be read"),
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}
