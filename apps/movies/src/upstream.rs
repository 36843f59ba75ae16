//! The API, as the pages ask it.

use std::time::Duration;

use axum::http::StatusCode;
use reqwest::Client;
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::layers::{REQUEST, RequestId, VERSION};

/// The longest answer that is read, in bytes: a page of films has some ten thousand.
const LONGEST: u64 = 1 << 20;

/// An API of the same colour.
#[derive(Clone, Debug)]
pub struct Upstream {
    client: Client,
    base: Url,
}

/// What the API answered.
#[derive(Debug)]
pub struct Answer<T> {
    /// The version of the API that answered; none where there was no answer.
    pub version: Option<String>,
    /// What was asked for, or the status and the sentence instead.
    pub result: Result<T, (StatusCode, String)>,
}

impl Upstream {
    /// The API at this address.
    ///
    /// # Errors
    /// Where no client can be made.
    pub fn new(base: Url) -> Result<Self, reqwest::Error> {
        let client = Client::builder().no_proxy().connect_timeout(Duration::from_secs(1)).timeout(Duration::from_secs(5));
        Ok(Self { client: client.build()?, base })
    }

    /// Asks for what these parts of a path name.
    pub async fn get<T: DeserializeOwned>(&self, path: &[&str], query: &impl Serialize, request: &RequestId) -> Answer<T> {
        match self.send(path, query, request).await {
            Ok(answer) => answer,
            Err(error) => {
                tracing::error!(request = request.0, error = %chain(&error), "the API does not answer");
                let sentence = "The pages are here, but the service that knows the films does not answer. Try again in a minute.";
                Answer { version: None, result: Err((StatusCode::SERVICE_UNAVAILABLE, sentence.to_owned())) }
            }
        }
    }

    async fn send<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &impl Serialize,
        request: &RequestId,
    ) -> Result<Answer<T>, reqwest::Error> {
        let mut address = self.base.clone();
        if let Ok(mut parts) = address.path_segments_mut() {
            parts.pop_if_empty().extend(path);
        }
        let mut left = 2;
        let answer = loop {
            left -= 1;
            match self.client.get(address.clone()).query(query).header(REQUEST, &request.0).send().await {
                // A task that has just gone: another one is there. Only what was never sent is sent again.
                Err(error) if error.is_connect() && left > 0 => {}
                other => break other?,
            }
        };
        let status = answer.status();
        let version = answer.headers().get(VERSION).and_then(|value| value.to_str().ok()).map(str::to_owned);
        if answer.content_length().is_some_and(|length| length > LONGEST) {
            let sentence = "The service that knows the films answers too much.".to_owned();
            return Ok(Answer { version, result: Err((StatusCode::BAD_GATEWAY, sentence)) });
        }
        if status.is_success() {
            return Ok(Answer { version, result: Ok(answer.json().await?) });
        }
        let problem: serde_json::Value = answer.json().await.unwrap_or_default();
        let detail = problem["detail"].as_str().map_or_else(|| format!("The API answered {status}."), str::to_owned);
        Ok(Answer { version, result: Err((status, detail)) })
    }
}

/// An error with what caused it.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source()).map(ToString::to_string);
    std::iter::once(error.to_string()).chain(causes).collect::<Vec<_>>().join(": ")
}
