//! Stickiness. A cookie holds what a client is bound to and until when; on AWS the same is encrypted (ELB user guide, "Sticky sessions").

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hyper::header::{COOKIE, HeaderMap, HeaderValue};

/// Binds a client to a target.
pub(super) const TARGET: &str = "AWSALB";
/// Binds a client to a target group.
pub(super) const GROUP: &str = "AWSALBTG";

/// The value of the cookie with this name, as the client sent it.
pub(super) fn value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let pairs = headers.get_all(COOKIE).iter().filter_map(|v| v.to_str().ok()).flat_map(|line| line.split(';'));
    pairs.filter_map(|pair| pair.trim().split_once('=')).find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// What the client is bound to by the cookie with this name, unless that is over.
pub(super) fn bound<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let (expires, bound) = value(headers, name)?.split_once('|')?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_millis();
    (expires.parse::<u128>().ok()? > now).then_some(bound)
}

/// A `Set-Cookie` value that binds a client to `bound` for a duration from now on.
pub(super) fn bind(name: &str, bound: &str, duration: Duration) -> Option<HeaderValue> {
    let expires = SystemTime::now() + duration;
    let millis = expires.duration_since(UNIX_EPOCH).ok()?.as_millis();
    let date = httpdate::fmt_http_date(expires);
    HeaderValue::from_str(&format!("{name}={millis}|{bound}; Expires={date}; Path=/")).ok()
}
