//! One call, made again while that is worth it and time is left.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_sdk_elasticloadbalancingv2::error::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::sync::{Mutex, Semaphore};

use super::failure::{AwsFailure, Class};

/// How many calls are under way at once: as many as one step of a flip of 20 pairs and 100 rules a listener makes, so
/// that round trips do not grow with the number of pairs.
const SIDE_BY_SIDE: usize = 128;
/// How far apart reads begin once one was throttled: ELB's bucket refills at 10 calls a second at least, for the whole
/// account (Elastic Load Balancing, "Request throttling for the API").
const READS: Duration = Duration::from_millis(100);
/// The same for writes, whose bucket refills at 3 a second (aws-load-balancer-controller, `throttle/defaults.go`).
const WRITES: Duration = Duration::from_millis(334);

/// Makes calls until a deadline.
#[derive(Clone, Debug)]
pub struct Caller {
    deadline: Instant,
    places: Arc<Semaphore>,
    /// When the next attempt may begin; none until one was throttled.
    next: Arc<Mutex<Option<Instant>>>,
}

impl Caller {
    /// A caller that starts no attempt after `deadline`.
    #[must_use]
    pub fn until(deadline: Instant) -> Self {
        Self { deadline, places: Arc::new(Semaphore::new(SIDE_BY_SIDE)), next: Arc::default() }
    }

    /// How long is left.
    #[must_use]
    pub fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Waits for this attempt's turn, once one was throttled: whoever hammers an empty bucket keeps it empty.
    async fn turn(&self, action: &str) {
        let pace = if action.contains(":Describe") || action.contains(":List") { READS } else { WRITES };
        let turn = self.next.lock().await.as_mut().map(|next| {
            let turn = Instant::now().max(*next);
            *next = turn + pace;
            turn
        });
        if let Some(turn) = turn {
            tokio::time::sleep_until(turn.into()).await;
        }
    }

    /// Makes a call, and makes it again after a transient failure, with growing pauses and jitter (50 ms to 2 s). After a
    /// throttled one every attempt of this caller waits for its turn.
    ///
    /// # Errors
    /// The last failure.
    pub async fn call<T, E, F, Fut>(&self, action: &'static str, resource: &str, make: F) -> Result<T, AwsFailure>
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T, SdkError<E>>>,
    {
        let mut pauses = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(50))
            .with_max_delay(Duration::from_secs(2))
            .with_jitter()
            .without_max_times()
            .build();
        loop {
            let attempt = tokio::time::timeout(self.left(), async {
                self.turn(action).await;
                let _place = self.places.acquire().await;
                make().await
            });
            let attempt = attempt.await;
            let failure = match attempt {
                Ok(Ok(answer)) => {
                    tracing::debug!(action, resource, "called");
                    return Ok(answer);
                }
                Ok(Err(error)) => AwsFailure::new(action, resource, &error),
                Err(_) => AwsFailure {
                    action,
                    resource: resource.to_owned(),
                    class: Class::Transient,
                    code: None,
                    message: "no answer before this run's deadline".to_owned(),
                    request_id: None,
                },
            };
            if failure.is_throttled() {
                self.next.lock().await.get_or_insert_with(Instant::now);
            }
            let pause = pauses.next().filter(|pause| *pause < self.left());
            let (Class::Transient, Some(pause)) = (failure.class, pause) else { return Err(failure) };
            tracing::warn!(
                action,
                resource,
                code = failure.code.as_deref(),
                reason = %failure.message,
                pause_ms = pause.as_millis(),
                "call failed, trying again"
            );
            tokio::time::sleep(pause).await;
        }
    }
}
