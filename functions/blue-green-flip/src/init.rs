//! What Init does, while Lambda gives the function a CPU of its own: it resolves the load balancer that the environment names, and
//! opens the connections that a flip uses.

use std::time::{Duration, Instant, SystemTime};

use aws_config::SdkConfig;
use blue_green::aws::call::Caller;
use blue_green::aws::codepipeline::write::open;
use blue_green::aws::elb::read::{Outline, ReadError, Reader};
use blue_green::release::times::PLAN_LIVES;

/// How long Init may look: far less than the 10 seconds that Lambda gives it.
const LOOK: Duration = Duration::from_secs(4);

/// What Init found. It serves the invocation that Init was for, like everything that was read: for as long as a plan lives. An
/// environment may be made long before its first event, and stay long after; listeners come and go meanwhile.
#[derive(Debug)]
pub struct Known {
    outline: Outline,
    /// By the clock: the process may be frozen meanwhile.
    read: SystemTime,
}

impl Known {
    /// What was found of this load balancer, where that may still be relied on.
    pub fn of(self, name: &str) -> Option<Outline> {
        let is_fresh = self.read.elapsed().is_ok_and(|age| age < PLAN_LIVES);
        (is_fresh && self.outline.name() == name).then_some(self.outline)
    }
}

/// Resolves the load balancer of this name. That it fails is no failure: the invocation looks by name.
pub async fn resolve(
    name: &str,
    config: &SdkConfig,
    elb: &aws_sdk_elasticloadbalancingv2::Client,
    codepipeline: &aws_sdk_codepipeline::Client,
) -> Option<Known> {
    let reader = Reader::new(config, elb.clone(), Caller::until(Instant::now() + LOOK));
    let read = SystemTime::now();
    let load_balancer = async {
        let outline = reader.outline(name).await?;
        reader.open(&outline).await;
        Ok::<_, ReadError>(outline)
    };
    match futures::join!(load_balancer, open(codepipeline)).0 {
        Ok(outline) => Some(Known { outline, read }),
        Err(reason) => {
            tracing::warn!(%reason, "Init did not find the load balancer; the flip looks for it by name");
            None
        }
    }
}
