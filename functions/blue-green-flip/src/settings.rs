//! The function's own settings, and its clients'.

use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_types::retry::RetryConfig;
use blue_green::release::times::WAIT;

/// Environment variable: how long a job that is not made waits for other jobs' plans to end, in seconds (20 unless given).
/// Less than 20 lets a plan of another job, made before, be applied after this job's answer.
const WAIT_SECONDS: &str = "WAIT_SECONDS";

/// Environment variables that Lambda sets, and three that AWS's SDKs share (SDKs and tools reference guide, "Settings reference").
const REGION: &str = "AWS_REGION";
const ENDPOINT: &str = "AWS_ENDPOINT_URL";
const FIPS: &str = "AWS_USE_FIPS_ENDPOINT";
const DUAL_STACK: &str = "AWS_USE_DUALSTACK_ENDPOINT";

/// What all clients are made with. A function's credentials stand in its environment, so no other source of them is built in:
/// the SDK's whole chain would be two thirds of a megabyte.
///
/// # Errors
/// A sentence where the Region is missing, or a switch is neither true nor false.
pub fn clients(environment: impl Fn(&str) -> Option<String>, call_timeout: Duration) -> Result<SdkConfig, String> {
    let set = |name: &str| environment(name).filter(|text| !text.is_empty());
    let switch = |name: &str| match set(name).as_deref().map(str::to_ascii_lowercase).as_deref() {
        None => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(other) => Err(format!("{name} is {other:?}, expected true or false")),
    };
    let region = set(REGION).ok_or_else(|| format!("{REGION} is not set; Lambda sets it"))?;
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(region))
        .credentials_provider(SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new()))
        .identity_cache(aws_config::identity::IdentityCache::lazy().build())
        .sleep_impl(aws_smithy_async::rt::sleep::SharedAsyncSleep::new(TokioSleep::new()))
        .retry_config(RetryConfig::disabled())
        .timeout_config(blue_green::aws::timeouts(call_timeout));
    config.set_endpoint_url(set(ENDPOINT)).set_use_fips(switch(FIPS)?).set_use_dual_stack(switch(DUAL_STACK)?);
    Ok(config.build())
}

/// Reads [`WAIT_SECONDS`] from an environment.
///
/// # Errors
/// A sentence where the value is not a whole number of seconds from 0 to 20.
pub fn wait(environment: impl Fn(&str) -> Option<String>) -> Result<Duration, String> {
    let Some(text) = environment(WAIT_SECONDS).filter(|text| !text.is_empty()) else { return Ok(WAIT) };
    let wait = text.parse().ok().map(Duration::from_secs).filter(|wait| *wait <= WAIT);
    let wait = wait.ok_or_else(|| format!("{WAIT_SECONDS} is {text:?}, expected whole seconds from 0 to {}", WAIT.as_secs()))?;
    if wait < WAIT {
        tracing::warn!(
            seconds = wait.as_secs(),
            "{WAIT_SECONDS} is below {}: another job's plan may outlive an answer",
            WAIT.as_secs()
        );
    }
    Ok(wait)
}
