//! How a change of rules reaches the nodes that answer requests: at once, or as Application Load Balancers do it.
//!
//! There an acknowledged write is not live yet. The load balancer gathers changes for about ten seconds, deploys them together,
//! and takes up later ones with the next batch (root cause from the ALB team, aws-load-balancer-controller#4039); its nodes follow
//! apart from each other. Targets and health are not gathered: they are in force at once here.

use std::sync::{Arc, Weak};
use std::time::Duration;

use fastrand::Rng;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::task::AbortOnDropHandle;

use super::{Inner, table::Listeners};

/// Changes go out in batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batches {
    /// How long changes are gathered, from the first one on.
    pub length: Duration,
    /// How many nodes there are. Requests go to them in turn.
    pub nodes: usize,
    /// How far the nodes are apart: each follows a batch at a moment of its own within this time.
    pub apart: Duration,
    /// Where the moments come from: with the same seed they are the same ones.
    pub seed: u64,
}

impl Batches {
    /// Batches of this length for three nodes, which are up to half of it apart. AWS gathers for ten seconds; for tests one
    /// is enough.
    #[must_use]
    pub fn of(length: Duration) -> Self {
        Self { length, nodes: 3, apart: length / 2, seed: 1 }
    }
}

/// The rules that somebody has: which reading of the API they come from, and what they say.
#[derive(Clone, Default)]
pub(super) struct Rules {
    version: u64,
    pub listeners: Arc<Listeners>,
}

/// The nodes, and what they have yet to follow.
pub(super) struct Fleet {
    batches: Option<Batches>,
    nodes: Vec<Rules>,
    latest: Rules,
    gathering: bool,
    lags: Rng,
    under_way: Vec<AbortOnDropHandle<()>>,
}

impl Fleet {
    /// Nodes that follow at once: then it takes only one.
    pub fn new() -> Self {
        let (nodes, latest) = (vec![Rules::default()], Rules::default());
        Self { batches: None, nodes, latest, gathering: false, lags: Rng::with_seed(0), under_way: Vec::new() }
    }

    /// What each node has.
    pub fn nodes(&self) -> impl Iterator<Item = &Rules> {
        self.nodes.iter()
    }

    /// What the API holds.
    pub fn latest(&self) -> &Listeners {
        &self.latest.listeners
    }

    /// Whether every node has what the API holds.
    pub fn is_even(&self) -> bool {
        self.nodes.iter().all(|node| node.version == self.latest.version)
    }

    /// Deploys from now on in this way. The nodes begin with what the API holds.
    pub fn deploy_in(&mut self, batches: Option<Batches>) {
        self.under_way.clear();
        self.gathering = false;
        self.nodes = vec![self.latest.clone(); batches.map_or(1, |batches| batches.nodes.max(1))];
        self.lags = Rng::with_seed(batches.map_or(0, |batches| batches.seed));
        self.batches = batches;
    }

    /// The API holds these rules now.
    pub fn change(&mut self, listeners: Listeners, inner: &Weak<Inner>) {
        self.latest = Rules { version: self.latest.version + 1, listeners: Arc::new(listeners) };
        match self.batches {
            None => self.nodes.fill(self.latest.clone()),
            Some(_) if self.gathering => {}
            Some(batches) => {
                self.gathering = true;
                self.under_way.retain(|batch| !batch.is_finished());
                self.under_way.push(AbortOnDropHandle::new(tokio::spawn(batch(inner.clone(), batches.length))));
            }
        }
    }

    /// The batch is full: what is in it, and when each node follows, the first one first.
    fn gathered(&mut self) -> (Rules, Vec<(Duration, usize)>) {
        self.gathering = false;
        let apart = self.batches.map_or(Duration::ZERO, |batches| batches.apart);
        let mut lags: Vec<_> = (0..self.nodes.len()).map(|node| (apart.mul_f64(self.lags.f64()), node)).collect();
        lags.sort_unstable();
        (self.latest.clone(), lags)
    }

    /// The batch reaches a node, unless a later one was there first.
    fn reach(&mut self, node: usize, rules: &Rules) {
        if let Some(node) = self.nodes.get_mut(node).filter(|node| node.version < rules.version) {
            *node = rules.clone();
        }
    }
}

/// One batch, from its first change until the last node has followed.
async fn batch(inner: Weak<Inner>, length: Duration) {
    sleep(length).await;
    let Some((rules, lags)) = async { Some(inner.upgrade()?.state.lock().await.fleet.gathered()) }.await else { return };
    let full = Instant::now();
    for (lag, node) in lags {
        sleep_until(full + lag).await;
        let Some(inner) = inner.upgrade() else { return };
        let mut state = inner.state.lock().await;
        state.fleet.reach(node, &rules);
        inner.publish(&state);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Batches, Fleet};

    fn fleet() -> Fleet {
        let mut fleet = Fleet::new();
        fleet.deploy_in(Some(Batches::of(Duration::from_secs(1))));
        fleet
    }

    #[test]
    fn the_same_seed_gives_the_same_lags_and_nodes_differ() {
        let (_, lags) = fleet().gathered();
        assert_eq!(lags, fleet().gathered().1);
        assert_eq!(lags.len(), 3);
        assert!(lags.is_sorted() && lags[0].0 < lags[1].0 && lags[1].0 < lags[2].0, "{lags:?}");
        assert!(lags.iter().all(|(lag, _)| *lag < Duration::from_millis(500)), "{lags:?}");
    }

    #[test]
    fn a_batch_never_takes_a_node_back_behind_a_later_one() {
        let mut fleet = fleet();
        let [mut early, mut late] = [fleet.latest.clone(), fleet.latest.clone()];
        (early.version, late.version) = (1, 2);
        fleet.latest.version = 2;
        (0..3).for_each(|node| fleet.reach(node, &late));
        fleet.reach(0, &early);
        assert!(fleet.is_even());
    }
}
