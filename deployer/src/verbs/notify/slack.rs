//! Posts to an incoming webhook. Its address is a secret: no error shows it.

use std::time::Duration;

use serde_json::Value;

/// How long Slack may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Posts a message.
///
/// # Errors
/// Why it was not taken, without the address.
pub async fn post(address: &str, message: &Value) -> Result<(), String> {
    let told = |error: reqwest::Error| {
        let error = error.without_url();
        let mut text = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(inner) = source {
            text = format!("{text}: {inner}");
            source = inner.source();
        }
        text.replace(address, "the webhook")
    };
    let client = reqwest::Client::builder().timeout(PATIENCE).build().map_err(told)?;
    let answer = client.post(address).json(message).send().await.map_err(told)?;
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    let body = answer.text().await.unwrap_or_default();
    let said: String = body.chars().take(200).collect();
    Err(format!("Slack answered {status} ({said}); check the webhook in SLACK_WEBHOOK_URL"))
}
