//! Clients that keep asking port 80 while a flip is broken, one for each rule, and what they saw.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use local_aws::load::{Aim, Load};

/// One client a rule, by the path that it asks for.
pub struct Clients(Vec<(&'static str, Load)>);

/// What the clients saw.
#[derive(Debug)]
pub struct Seen {
    pub failed: usize,
    /// Every version that answered.
    pub versions: BTreeSet<String>,
    /// Those that answered what was asked in the time that is called "after", on each path.
    pub after: Vec<BTreeSet<String>>,
}

impl Clients {
    /// Starts the clients, and waits until every rule has answered.
    pub async fn start(port: SocketAddr, paths: &[&'static str]) -> Self {
        let start = |path: &&'static str| {
            let mut aim = Aim::at(path, port);
            (*path).clone_into(&mut aim.path);
            (aim.clients, aim.pause) = (1, Duration::from_millis(4));
            (*path, Load::start(&[aim]))
        };
        let clients = Self(paths.iter().map(start).collect());
        clients.answered(1).await;
        clients
    }

    /// Waits until every rule has answered a request that was sent after this call.
    pub async fn answered_again(&self) {
        // One more than this: a request may be under way.
        self.answered(2).await;
    }

    async fn answered(&self, more: usize) {
        let until: Vec<usize> = self.0.iter().map(|(_, load)| load.asked() + more).collect();
        while self.0.iter().zip(&until).any(|((_, load), until)| load.asked() < *until) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Ends the clients; `after` is the time of which one wants to know more.
    pub async fn stop(self, after: (Instant, Instant)) -> Seen {
        let mut seen = Seen { failed: 0, versions: BTreeSet::new(), after: Vec::new() };
        for (path, load) in self.0 {
            let report = load.stop().await.unwrap();
            seen.failed += report.failed();
            seen.versions.extend(report.versions(path).into_keys());
            let within = report.samples(path).iter().filter(|sample| after.0 <= sample.sent && sample.answered <= after.1);
            seen.after.push(within.filter_map(|sample| sample.version.as_deref().map(str::to_owned)).collect());
        }
        seen
    }
}
