//! A flip under load, and what its clients must have got.

use std::time::Instant;

use local_aws::load::{Aim, Load, Report};
use local_aws::world::LoadBalancerSpec;
use serde_json::Value;

use product_stage::function::{Ended, Stage, shop};

/// What every client asks before the flip, and after it.
const AROUND: usize = 3;

/// A stage whose gateway serves pages of two.
pub async fn stage(spec: impl for<'a> FnOnce(LoadBalancerSpec<'a>) -> LoadBalancerSpec<'a>) -> Stage {
    let stage = Stage::with(spec).await;
    stage.world.gateway.set_page_size(Some(2));
    stage
}

/// Clients of a listener; over HTTPS on 443 and 8443, trusting the load balancer's own authority.
pub fn clients(stage: &Stage, name: &str, port: u16) -> Aim {
    let aim = Aim::at(name, stage.world.load_balancer.address("shop", port).unwrap());
    let https = matches!(port, 443 | 8443);
    Aim { authority: https.then(|| stage.world.load_balancer.certificate_authority_pem()), ..aim }
}

/// Clients that ask for a path.
pub fn asking(aim: Aim, path: &str) -> Aim {
    Aim { path: path.to_owned(), ..aim }
}

/// A job under load.
pub struct Flipped {
    pub ended: Ended,
    report: Report,
    done: Instant,
}

/// Runs a job while clients keep asking, and lets them ask on for a moment.
pub async fn under_load(stage: &Stage, aims: &[Aim], parameters: Value) -> Flipped {
    let load = Load::start(aims);
    load.each_asked(AROUND).await.unwrap();
    let ended = stage.job(shop(parameters)).await;
    let done = Instant::now();
    load.each_asked(AROUND).await.unwrap();
    let report = load.stop().await.unwrap();
    Flipped { ended, report, done }
}

impl Flipped {
    /// The summary of the job, which succeeded and lost nobody's request.
    pub fn summary(&self, aims: &[Aim]) -> String {
        for aim in aims {
            assert!(self.report.samples(&aim.name).len() > 10, "{}: too few requests", aim.name);
            self.lost_nothing(&aim.name);
        }
        self.ended.succeeded().0
    }

    pub fn lost_nothing(&self, name: &str) {
        let statuses = self.report.statuses(name);
        assert!(statuses.keys().all(|status| status.is_some_and(|status| status < 400)), "{name}: {statuses:?}");
    }

    /// These clients got the one version first and the other from the end of the job on, and no third one.
    pub fn moved(&self, name: &str, from: &str, to: &str) {
        let samples = self.report.samples(name);
        assert_eq!(samples[0].version.as_deref(), Some(from), "{name}");
        let after = self.report.versions_sent_after(name, self.done);
        assert_eq!(after.keys().collect::<Vec<_>>(), [to], "{name}: {after:?}");
        assert_eq!(self.report.versions(name).len(), 2, "{name}: {:?}", self.report.versions(name));
    }

    /// These clients got one version all the time.
    pub fn stayed(&self, name: &str, version: &str) {
        let versions = self.report.versions(name);
        assert_eq!(versions.keys().collect::<Vec<_>>(), [version], "{name}: {versions:?}");
    }

    /// These clients were answered without a version, such as by a redirect.
    pub fn answered(&self, name: &str, status: u16) {
        let statuses = self.report.statuses(name);
        assert_eq!(statuses.keys().copied().collect::<Vec<_>>(), [Some(status)], "{name}");
    }
}
