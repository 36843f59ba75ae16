//! The local AWS behaves like AWS where the product depends on it: shown with the real SDK, over the wire.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed expectation ends a test")]

mod deployments;
mod faults;
mod jobs;
mod lambda;
mod limits;
mod load_balancers;
mod log;
mod rules;
mod services;
mod stale;
mod tag_faults;
mod tags;
mod throttling;
mod worlds;

use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use local_aws::world::{Pair, World, WorldOptions};

/// An empty account.
async fn world() -> World {
    World::start(WorldOptions::default()).await.unwrap()
}

/// A pair that nobody serves: enough where only the API matters.
fn idle_pair(name: &str) -> Pair {
    Pair::new(name).targets(0, 0)
}

/// Waits until something is so.
async fn until(is_so: impl AsyncFn() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting).await.unwrap();
}

/// The product's settings, without retries, so that every fault is seen as it is. Only what fails takes all the time.
async fn once(world: &World) -> SdkConfig {
    let mut config = world.as_product().await.into_builder();
    config.set_retry_config(Some(RetryConfig::disabled()));
    config.set_timeout_config(Some(TimeoutConfig::builder().operation_timeout(Duration::from_secs(60)).build()));
    config.build()
}
