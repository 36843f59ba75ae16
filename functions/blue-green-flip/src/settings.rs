//! The function's own settings.

use std::time::Duration;

use blue_green::release::times::WAIT;

/// Environment variable: how long a job that is not made waits for other jobs' plans to end, in seconds (20 unless given).
/// Less than 20 lets a plan of another job, made before, be applied after this job's answer.
const WAIT_SECONDS: &str = "WAIT_SECONDS";

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
