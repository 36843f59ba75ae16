//! Structured logs: one JSON object a line, on standard output, where Lambda takes them.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Lambda's own setting for the level of JSON logs (Lambda developer guide, advanced logging controls).
const LEVEL: &str = "AWS_LAMBDA_LOG_LEVEL";

/// Starts logging at the level of `AWS_LAMBDA_LOG_LEVEL`, INFO unless given.
///
/// Only this project's own targets are logged, at every level: at TRACE the runtime would write whole events, and
/// events carry credentials.
///
/// # Errors
/// A sentence where the level is not one.
pub fn start(environment: impl Fn(&str) -> Option<String>) -> Result<(), String> {
    let level = match environment(LEVEL).as_deref() {
        None | Some("") => LevelFilter::INFO,
        Some("FATAL") => LevelFilter::ERROR,
        Some(text) => {
            text.parse().map_err(|_| format!("{LEVEL} is {text:?}, expected TRACE, DEBUG, INFO, WARN, ERROR or FATAL"))?
        }
    };
    let own = Targets::new().with_target("blue_green", level).with_target("blue_green_flip", level);
    let lines = tracing_subscriber::fmt::layer().json().flatten_event(true).with_span_list(false).with_target(false);
    tracing_subscriber::registry().with(own).with(lines).try_init().map_err(|error| error.to_string())
}
