//! Reads every project again and again: priority first, paced by the source, and what somebody asked for at once.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::{StreamExt, TryStreamExt};
use jiff::{SignedDuration, Timestamp};

use crate::asks::Asks;
use crate::board::Board;
use crate::model::{Project, Row, Trouble, pair_key};
use crate::priorities::PriorityFile;
use crate::releases::Releases;
use crate::source::{Source, Unread};
use crate::store::{LEASE, Lease, Store, StoreError};

/// How many projects are read side by side; the source paces their requests.
const SIDE_BY_SIDE: usize = 4;
/// So many projects that fail in a row mean that GitLab is down, and the round stops.
const IN_A_ROW: u32 = 8;

/// Counters for the metrics.
#[derive(Default)]
pub struct Counters {
    /// Rounds that ended.
    pub rounds: AtomicU64,
    /// Projects that were read.
    pub read: AtomicU64,
    /// Projects that could not be read.
    pub failed: AtomicU64,
    /// How long the last round took.
    pub last_round_ms: AtomicU64,
}

/// Keeps the board fresh.
pub struct Refresher {
    /// Where rows come from.
    pub source: Arc<dyn Source>,
    /// Where they are kept.
    pub store: Arc<Store>,
    /// Where this project's own releases come from.
    pub releases: Option<Releases>,
    /// Where they are shown.
    pub board: Arc<Board>,
    /// Which come first.
    pub priorities: Arc<PriorityFile>,
    /// How often a round begins.
    pub every: Duration,
    /// How old environments, branches and tags may be before they are read anew; deployments are read each round.
    pub full_after: SignedDuration,
    /// For the metrics.
    pub counters: Arc<Counters>,
    /// What people ask for.
    pub asks: Arc<Asks>,
    /// Projects that are being read.
    pub under_way: Mutex<HashSet<u64>>,
    /// Projects that failed since the last that did not.
    pub in_a_row: AtomicU32,
    /// The right to refresh, where replicas share it.
    pub held: Mutex<Option<Lease>>,
}

#[derive(Debug, thiserror::Error)]
enum Stopped {
    #[error("{0}")]
    Unread(#[from] Unread),
    #[error("{0}")]
    Store(#[from] StoreError),
}

/// A project that is being read, until this is dropped.
struct UnderWay<'a>(&'a Refresher, u64);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.1);
    }
}

impl Refresher {
    /// Refreshes for ever, for as long as this process has the right to.
    pub async fn run(&self) {
        let owner = crate::secret::random_id();
        loop {
            match self.lease(&owner).await {
                Ok(Some(lease)) => {
                    tokio::select! {
                        () = self.rounds(&lease) => {}
                        () = self.answer(&lease) => {}
                        () = self.releases(&lease) => {}
                        () = self.keep(&lease) => tracing::warn!(lease = lease.number, "the right to refresh is lost"),
                    }
                }
                Ok(None) => {}
                Err(error) => tracing::error!(%error, "no right to refresh"),
            }
            tokio::time::sleep(LEASE / 10).await;
        }
    }

    /// The right to refresh: at once where nothing is shared.
    async fn lease(&self, owner: &str) -> Result<Option<Lease>, StoreError> {
        let Some(shared) = self.store.shared() else { return Ok(Some(Lease::own())) };
        let lease = shared.lease(owner).await?;
        if let Some(lease) = &lease {
            tracing::info!(lease = lease.number, "has the right to refresh");
            *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Some(lease.clone());
        }
        Ok(lease)
    }

    /// Renews the lease until that fails.
    async fn keep(&self, lease: &Lease) {
        let Some(shared) = self.store.shared() else { return std::future::pending().await };
        loop {
            tokio::time::sleep(LEASE / 4).await;
            if !matches!(shared.renew(lease).await, Ok(true)) {
                return;
            }
        }
    }

    /// Gives the right to refresh back, so that another process need not wait for it.
    pub async fn release(&self) {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let (Some(shared), Some(lease)) = (self.store.shared(), held)
            && let Err(error) = shared.release(&lease).await
        {
            tracing::warn!(%error, "the right to refresh ends by itself");
        }
    }

    async fn rounds(&self, lease: &Lease) {
        loop {
            let began = Instant::now();
            self.round(lease).await;
            // A tenth more or less, so that two dashboards do not ask GitLab at the same moment for ever.
            let jitter = 0.9 + f64::from(crate::secret::random_byte()) / 1_275.0;
            tokio::time::sleep(self.every.mul_f64(jitter).saturating_sub(began.elapsed()).max(Duration::from_secs(1))).await;
        }
    }

    /// Reads this project's own releases again and again.
    async fn releases(&self, lease: &Lease) {
        let Some(source) = &self.releases else { return std::future::pending().await };
        loop {
            let known = source.read(&self.board.now().releases).await;
            match self.store.keep_releases(&known, lease).await {
                Ok(()) => self.board.change(|snapshot| snapshot.releases = Arc::new(known)),
                Err(error) => tracing::error!(%error, "releases not kept"),
            }
            tokio::time::sleep(self.every).await;
        }
    }

    /// Reads all projects once.
    async fn round(&self, lease: &Lease) {
        let began = Instant::now();
        let before = self.source.requests();
        self.read_priorities();
        let outcome = self.all(lease).await;
        let ms = began.elapsed().as_millis() as u64;
        let requests = self.source.requests() - before;
        self.counters.rounds.fetch_add(1, Ordering::Relaxed);
        self.counters.last_round_ms.store(ms, Ordering::Relaxed);
        match outcome {
            Ok((read, failed)) => {
                tracing::info!(read, failed, requests, ms, "refreshed");
                self.note(None).await;
            }
            Err(error) => {
                tracing::error!(%error, requests, ms, "refresh stopped");
                let trouble = Trouble { at: Timestamp::now(), text: error.to_string() };
                self.note(Some(trouble)).await;
            }
        }
    }

    /// Says on all replicas why the last round stopped, or that it did not.
    async fn note(&self, trouble: Option<Trouble>) {
        if self.board.now().trouble != trouble
            && let Some(shared) = self.store.shared()
            && let Err(error) = shared.note(trouble.as_ref()).await
        {
            tracing::warn!(%error, "replicas do not know how the round ended");
        }
        self.board.change(|snapshot| snapshot.trouble = trouble);
    }

    /// Looks at the file of priorities.
    pub fn read_priorities(&self) {
        match self.priorities.read_again() {
            Some(Ok(())) => tracing::info!("priorities changed"),
            Some(Err(error)) => tracing::error!(%error, "priorities not taken over, the last good ones stay"),
            None => {}
        }
    }

    async fn all(&self, lease: &Lease) -> Result<(usize, usize), Stopped> {
        let mut projects = self.source.projects().await?;
        let now = self.board.now();
        let gone: Vec<u64> = now.rows.keys().filter(|id| !projects.iter().any(|p| p.id == **id)).copied().collect();
        self.store.keep_list(&projects, gone, lease).await?;
        self.board.list(&projects, Timestamp::now());
        let (order, _) = self.priorities.now();
        projects.sort_by_key(|p| (order.place(p.id).rank, p.path.to_lowercase()));
        let reads = futures::stream::iter(&projects).map(|project| self.one(project, false, lease));
        let results: Vec<bool> = reads.buffered(SIDE_BY_SIDE).try_collect().await?;
        let read = results.iter().filter(|read| **read).count();
        let failed = results.len() - read;
        let compares = futures::stream::iter(&projects).map(|project| self.compare(project.id, lease));
        compares.buffered(SIDE_BY_SIDE).try_collect::<()>().await?;
        Ok((read, failed))
    }

    /// Reads one project. False where this project alone could not be read; an error where none can be.
    async fn one(&self, project: &Project, full: bool, lease: &Lease) -> Result<bool, Stopped> {
        if !self.under_way.lock().unwrap_or_else(PoisonError::into_inner).insert(project.id) {
            return Ok(true);
        }
        let _under_way = UnderWay(self, project.id);
        let earlier = self.board.now().rows.get(&project.id).cloned();
        let now = Timestamp::now();
        let full = full || earlier.as_ref().is_none_or(|row| now.duration_since(row.full_at) >= self.full_after);
        match self.source.read(project, earlier.as_deref(), full).await {
            Ok(mut row) => {
                if let Some(earlier) = &earlier {
                    row.behind = earlier.behind.clone();
                }
                self.counters.read.fetch_add(1, Ordering::Relaxed);
                self.in_a_row.store(0, Ordering::Relaxed);
                self.show(row, lease).await?;
                Ok(true)
            }
            Err(error) if error.everywhere => Err(error.into()),
            Err(error) => {
                self.counters.failed.fetch_add(1, Ordering::Relaxed);
                if self.in_a_row.fetch_add(1, Ordering::Relaxed) + 1 >= IN_A_ROW {
                    self.in_a_row.store(0, Ordering::Relaxed);
                    let text = format!("{IN_A_ROW} projects in a row could not be read, so the others were not tried. {error}");
                    return Err(Unread::everywhere(text).into());
                }
                tracing::warn!(project = project.id, %error, "project not read");
                if let Some(earlier) = earlier {
                    let trouble = Some(Trouble { at: now, text: error.text });
                    self.show(Row { trouble, ..(*earlier).clone() }, lease).await?;
                }
                Ok(false)
            }
        }
    }

    async fn show(&self, row: Row, lease: &Lease) -> Result<(), StoreError> {
        self.store.keep(&row, lease).await?;
        self.board.put(Arc::new(row));
        Ok(())
    }

    /// Finds out the distances that a row shows and does not have yet.
    async fn compare(&self, project: u64, lease: &Lease) -> Result<(), Stopped> {
        let Some(row) = self.board.now().rows.get(&project).cloned() else { return Ok(()) };
        let mut behind = std::collections::BTreeMap::new();
        for (from, to) in row.pairs() {
            let key = pair_key(&from, &to);
            if let Some(commits) = self.distance(&row, &from, &to, &key).await? {
                behind.insert(key, commits);
            }
        }
        if behind != row.behind {
            let newest = self.board.now().rows.get(&project).cloned().unwrap_or(row);
            self.show(Row { behind, ..(*newest).clone() }, lease).await?;
        }
        Ok(())
    }

    async fn distance(&self, row: &Row, from: &str, to: &str, key: &str) -> Result<Option<u32>, Stopped> {
        if let Some(known) = row.behind.get(key) {
            return Ok(Some(*known));
        }
        let name = format!("{}:{key}", row.project.id);
        if let Some(kept) = self.store.compare(name.clone()).await? {
            return Ok(Some(kept));
        }
        match self.source.commits(row.project.id, from, to).await {
            Ok(Some(commits)) => {
                self.store.keep_compare(name, commits).await?;
                Ok(Some(commits))
            }
            Ok(None) => Ok(None),
            Err(error) if error.everywhere => Err(error.into()),
            Err(error) => {
                tracing::warn!(project = row.project.id, %error, "commits not compared");
                Ok(None)
            }
        }
    }

    /// Reads what people ask for, one project at a time.
    async fn answer(&self, lease: &Lease) {
        loop {
            let id = self.asks.next(&self.store).await;
            let began = Instant::now();
            let snapshot = self.board.now();
            let Some(project) = snapshot.rows.get(&id).map(|row| &row.project).or(snapshot.waiting.get(&id)) else { continue };
            let outcome = async {
                let read = self.one(project, true, lease).await?;
                self.compare(id, lease).await.map(|()| read)
            };
            match outcome.await {
                Ok(read) => tracing::info!(project = id, read, ms = began.elapsed().as_millis() as u64, "refreshed on request"),
                Err(error) => tracing::error!(project = id, %error, "refresh on request stopped"),
            }
        }
    }
}
