//! All of the I/O, by service; what reads and what writes are files, and types, of their own.

pub mod call;
pub mod cloudformation;
pub mod codepipeline;
pub mod ec2;
pub mod ecs;
pub mod elb;
pub mod failure;
pub mod history;
pub mod iam;
pub mod json;
mod query;
pub mod scaling;
pub mod scheduler;
pub mod wire;

use std::time::Duration;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;

/// Environment variable: how long one attempt of one AWS call may take, in milliseconds (3000 unless given).
pub const CALL_TIMEOUT: &str = "CALL_TIMEOUT_MS";
const DEFAULT_CALL_TIMEOUT: Duration = Duration::from_secs(3);

/// Reads [`CALL_TIMEOUT`] from an environment.
///
/// # Errors
/// A sentence where the value is not a whole number of milliseconds from 10 to 60000.
pub fn call_timeout(environment: impl Fn(&str) -> Option<String>) -> Result<Duration, String> {
    match environment(CALL_TIMEOUT) {
        None => Ok(DEFAULT_CALL_TIMEOUT),
        Some(text) => match text.parse() {
            Ok(milliseconds @ 10..=60_000) => Ok(Duration::from_millis(milliseconds)),
            _ => Err(format!("{CALL_TIMEOUT} is {text:?}, expected whole milliseconds from 10 to 60000")),
        },
    }
}

/// How long one try of a call may take. The SDK sets no operation time-out of its own (AWS SDK for Rust, time-outs).
#[must_use]
pub fn timeouts(call_timeout: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(call_timeout)
        .operation_attempt_timeout(call_timeout)
        .operation_timeout(call_timeout)
        .build()
}

/// What clients are made with, from wherever AWS's tools take their settings.
///
/// The SDK's own retries are off: [`call`] retries, inside a deadline that the SDK does not know.
pub async fn settings(call_timeout: Duration) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::v2026_01_12())
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts(call_timeout))
        .load()
        .await
}
