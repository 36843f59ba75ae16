//! The log: one JSON line an event, on the standard output.

use tracing_subscriber::EnvFilter;

/// Begins the log. `RUST_LOG` says how much of it.
pub fn begin() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().json().flatten_event(true).with_target(false).with_env_filter(filter).init();
}
