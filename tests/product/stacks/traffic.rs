//! Clients on both ports for as long as a scenario lasts.

use std::collections::BTreeSet;
use std::time::Duration;

use local_aws::installation::{Installation, NAME};
use local_aws::load::{Aim, Load};
use local_aws::load_balancer::Batches;

/// Ten seconds on AWS.
const BATCH: Duration = Duration::from_secs(1);

/// How the load balancer takes changes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// At once.
    AtOnce,
    /// In batches, on each of its nodes at a moment of its own.
    InBatches,
}

impl Pace {
    /// Has the load balancer work so. No side is given away then before the load balancer has left it.
    pub async fn set(self, installation: &Installation) {
        if self == Self::InBatches {
            installation.world.load_balancer.set_batches(Some(Batches::of(BATCH))).await;
            installation.pipelines.set_build_variable("DATA_PLANE_SECONDS", "4");
        }
    }
}

/// Running clients on both ports.
pub struct Traffic(Load);

impl Traffic {
    /// Starts the clients: two a port, which leave the machine to the release.
    pub async fn on(installation: &Installation) -> Self {
        let address = |port| installation.world.load_balancer.address(NAME, port).expect("a listener");
        let aims = [("live", 80), ("test", 8080)].map(|(name, port)| {
            let pause = Duration::from_millis(20);
            Aim { clients: 2, pause, ..Aim::at(name, address(port)) }
        });
        let load = Load::start(&aims);
        load.each_asked(3).await.unwrap();
        Self(load)
    }

    /// Stops them. No request was lost, and production was answered by these versions only, each of them.
    pub async fn served(self, installation: &Installation, versions: &[&str]) {
        installation.world.load_balancer.deployed().await;
        self.0.each_asked(3).await.unwrap();
        let report = self.0.stop().await.unwrap();
        assert_eq!(report.failed(), 0, "{:?}", report.lost());
        let seen: BTreeSet<String> = report.versions("live").into_keys().collect();
        assert_eq!(seen, versions.iter().map(|version| (*version).to_owned()).collect());
    }
}

/// The versions that production and the test port serve now.
pub async fn versions(installation: &Installation) -> (String, String) {
    (version(installation, 80).await, version(installation, 8080).await)
}

/// The version that a port serves now, on every node.
pub async fn version(installation: &Installation, port: u16) -> String {
    installation.world.load_balancer.deployed().await;
    let address = installation.world.load_balancer.address(NAME, port).expect("a listener");
    let load = Load::start(&[Aim { clients: 1, ..Aim::at("once", address) }]);
    load.each_asked(3).await.unwrap();
    let report = load.stop().await.unwrap();
    assert_eq!(report.failed(), 0, "{:?}", report.lost());
    let versions: Vec<String> = report.versions("once").into_keys().collect();
    assert_eq!(versions.len(), 1, "{versions:?}");
    versions.into_iter().next().unwrap()
}
