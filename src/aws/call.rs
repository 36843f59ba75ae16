//! One call, made again while that is worth it and time is left.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_sdk_elasticloadbalancingv2::error::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::sync::Semaphore;

use super::failure::{AwsFailure, Class};

/// How many calls are under way at once: ELB's bucket for reads holds 40 and refills at 10 a second for the whole
/// account, so a large load balancer must not empty it in one go.
const SIDE_BY_SIDE: usize = 16;

/// Makes calls until a deadline.
#[derive(Clone, Debug)]
pub struct Caller {
    deadline: Instant,
    places: Arc<Semaphore>,
}

impl Caller {
    /// A caller that starts no attempt after `deadline`.
    #[must_use]
    pub fn until(deadline: Instant) -> Self {
        Self { deadline, places: Arc::new(Semaphore::new(SIDE_BY_SIDE)) }
    }

    /// How long is left.
    #[must_use]
    pub fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Makes a call, and makes it again after a transient failure, with growing pauses and jitter (50 ms to 2 s).
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
            let attempt = {
                let _place = self.places.acquire().await;
                tokio::time::timeout(self.left(), make()).await
            };
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
