//! One request to GitLab's API: paced, tried again where that helps, and explained where it fails.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde::de::DeserializeOwned;

use crate::secret::Secret;
use crate::source::Unread;

const TRIES: u32 = 4;
/// An answer that did not come in time is asked for once more: each try takes that long again.
const LATE_TRIES: u32 = 2;
/// No single wait is longer, whatever GitLab asks for.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// A client of one GitLab with one token.
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: Secret,
    gap: Duration,
    timeout: Duration,
    next: Mutex<Instant>,
    /// Requests that were sent.
    pub requests: AtomicU64,
    /// Answers that said "too many".
    pub throttled: AtomicU64,
}

/// An answer and the path of the page after it.
pub struct Page<T> {
    /// The answer.
    pub value: T,
    next: Option<String>,
}

impl<T> Page<T> {
    /// Whether there are more pages.
    pub fn has_more(&self) -> bool {
        self.next.is_some()
    }
}

/// The HTTP client for GitLab: no redirects, since a token must not travel to another host.
pub fn http(timeout: Duration) -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(5))
        .timeout(timeout)
        .user_agent(concat!("release-dashboard/", env!("CARGO_PKG_VERSION")))
        .build()
}

impl Client {
    /// A client that sends at most so many requests a minute.
    pub fn new(http: reqwest::Client, gitlab: &crate::settings::GitLab, per_minute: u32) -> Client {
        Client {
            http,
            base: format!("{}/api/v4/", gitlab.url.as_str().trim_end_matches('/')),
            token: gitlab.token.clone(),
            timeout: gitlab.timeout,
            gap: Duration::from_secs(60) / per_minute,
            next: Mutex::new(Instant::now()),
            requests: AtomicU64::new(0),
            throttled: AtomicU64::new(0),
        }
    }

    /// Waits for this request's turn.
    async fn turn(&self) {
        let at = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let at = (*next).max(Instant::now());
            *next = at + self.gap;
            at
        };
        tokio::time::sleep_until(at.into()).await;
    }

    /// Nobody sends anything for a while.
    fn pause(&self, wait: Duration) {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        *next = (*next).max(Instant::now() + wait);
    }

    /// One page.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<Page<T>, Unread> {
        self.get_as(path, &self.token).await
    }

    /// One page, seen with another token.
    pub async fn get_as<T: DeserializeOwned>(&self, path: &str, token: &Secret) -> Result<Page<T>, Unread> {
        let (headers, text) = self.send(path, token).await?;
        let next = next_page(&headers);
        let value = serde_json::from_str(&text).map_err(|error| {
            Unread::here(format!("GitLab's answer to {} is not what it should be: {error}. Is GITLAB_URL a GitLab?", short(path)))
        })?;
        Ok(Page { value, next })
    }

    /// All pages.
    pub async fn all<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, Unread> {
        let mut page: Page<Vec<T>> = self.get(path).await?;
        let mut all = page.value;
        while let Some(next) = page.next {
            page = self.get(&next).await?;
            all.append(&mut page.value);
        }
        Ok(all)
    }

    /// One request and its answer, read to its end.
    async fn once(&self, path: &str, token: &Secret) -> reqwest::Result<(StatusCode, HeaderMap, String)> {
        self.turn().await;
        self.requests.fetch_add(1, Ordering::Relaxed);
        let response = self.http.get(format!("{}{path}", self.base)).bearer_auth(token.reveal()).send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        Ok((status, headers, response.text().await?))
    }

    async fn send(&self, path: &str, token: &Secret) -> Result<(HeaderMap, String), Unread> {
        let mut tried = 0;
        loop {
            tried += 1;
            let (status, headers) = match self.once(path, token).await {
                Ok((status, headers, text)) if status.is_success() => return Ok((headers, text)),
                Ok((status, headers, _)) => (status, headers),
                Err(error) if worth_a_try(&error, tried) => {
                    tokio::time::sleep(back_off(tried)).await;
                    continue;
                }
                Err(error) => return Err(self.lost(path, &error)),
            };
            if status == StatusCode::TOO_MANY_REQUESTS {
                self.throttled.fetch_add(1, Ordering::Relaxed);
                let wait = asked_wait(&headers).unwrap_or(Duration::from_secs(5) * 2u32.pow(tried - 1)).min(LONGEST_WAIT);
                tracing::warn!(path = short(path), seconds = wait.as_secs(), "GitLab says too many requests, waiting");
                self.pause(wait);
            } else if status.is_server_error() && tried < TRIES {
                tokio::time::sleep(back_off(tried)).await;
            } else {
                return Err(refused(path, status));
            }
            if tried >= TRIES + 2 {
                return Err(Unread::everywhere(
                    "GitLab says \"too many requests\" again and again. Lower GITLAB_REQUESTS_PER_MINUTE.",
                ));
            }
        }
    }

    fn lost(&self, path: &str, error: &reqwest::Error) -> Unread {
        let path = short(path);
        if error.is_connect() {
            return Unread::everywhere("GitLab cannot be reached. Check GITLAB_URL and the network.");
        }
        if error.is_timeout() {
            let seconds = self.timeout.as_secs();
            return Unread::here(format!("GitLab did not answer {path} in {seconds} s, {LATE_TRIES} times."));
        }
        Unread::here(format!("GitLab broke its answer to {path} off, {TRIES} times."))
    }
}

/// Whether a request without an answer is sent again.
fn worth_a_try(error: &reqwest::Error, tried: u32) -> bool {
    !error.is_connect() && tried < if error.is_timeout() { LATE_TRIES } else { TRIES }
}

fn back_off(tried: u32) -> Duration {
    Duration::from_millis(250) * 4u32.pow(tried - 1)
}

/// A path without its query, for people.
fn short(path: &str) -> &str {
    path.split('?').next().unwrap_or(path)
}

fn refused(path: &str, status: StatusCode) -> Unread {
    let code = status.as_u16();
    let path = short(path);
    match code {
        401 => {
            let text = "GitLab refuses GITLAB_ACCESS_TOKEN (401): it may have expired. Make a new one with the scope read_api.";
            Unread { refused: true, ..Unread::everywhere(text) }
        }
        403 => {
            let text =
                format!("GITLAB_ACCESS_TOKEN may not read {path} (403). Give it the scope read_api and the role Reporter.");
            Unread { refused: true, ..Unread::here(text) }
        }
        404 => Unread {
            missing: true,
            ..Unread::here(format!("GitLab knows no {path} (404), or GITLAB_ACCESS_TOKEN may not see it."))
        },
        300..=399 => Unread::everywhere(format!("GitLab sends {path} elsewhere ({code}). Set GITLAB_URL to its real address.")),
        _ => Unread::here(format!("GitLab failed to answer {path} ({code}).")),
    }
}

/// What `Retry-After` or `RateLimit-Reset` ask for; 429 often comes with neither.
fn asked_wait(headers: &HeaderMap) -> Option<Duration> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
    let reset = || {
        let now = u64::try_from(jiff::Timestamp::now().as_second()).ok()?;
        Some(number("ratelimit-reset")?.saturating_sub(now).max(1))
    };
    number("retry-after").or_else(reset).map(Duration::from_secs)
}

/// The path of the page that `Link` calls the next. Its host does not matter: GitLab behind a proxy may name an inner one.
fn next_page(headers: &HeaderMap) -> Option<String> {
    let links = headers.get("link")?.to_str().ok()?;
    let link = links.split(',').find(|link| link.contains("rel=\"next\""))?;
    let (address, _) = link.trim().strip_prefix('<')?.split_once('>')?;
    address.split_once("/api/v4/").map(|(_, path)| path.to_owned())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test says by a panic what it found")]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(reqwest::header::HeaderName::from_static(name), value.parse().unwrap())])
    }

    #[test]
    fn the_next_page_is_asked_of_the_same_host() {
        let link = r#"<https://inner.example/api/v4/projects/1/tags?page=1>; rel="first", <http://inner/api/v4/projects/1/tags?page=3>; rel="next""#;
        assert_eq!(next_page(&headers("link", link)).as_deref(), Some("projects/1/tags?page=3"));
        assert_eq!(next_page(&headers("link", r#"<https://x/api/v4/a>; rel="last""#)), None);
        assert_eq!(next_page(&HeaderMap::new()), None);
    }

    #[test]
    fn a_wait_is_taken_from_either_header() {
        assert_eq!(asked_wait(&headers("retry-after", "7")), Some(Duration::from_secs(7)));
        assert_eq!(asked_wait(&headers("ratelimit-reset", "1")), Some(Duration::from_secs(1)), "already past");
        assert_eq!(asked_wait(&headers("retry-after", "soon")), None);
    }
}
