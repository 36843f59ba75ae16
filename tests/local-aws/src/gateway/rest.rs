//! Calls of services whose protocol is REST: which operation it is, and on what.

use bytes::Bytes;
use hyper::Method;
use hyper::http::request::Parts;
use serde_json::{Value, json};

/// EventBridge Scheduler (API reference, "Actions"): the operation, and its parameters with those of the path and the query.
pub(super) fn scheduler(parts: &Parts, body: &Bytes) -> Option<(String, Value)> {
    let name = parts.uri.path().strip_prefix("/schedules/")?;
    let query = parts.uri.query().unwrap_or_default();
    let group = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "groupName").map(|(_, group)| group.into_owned());
    let verb = match parts.method {
        Method::GET => "Get",
        Method::PUT => "Update",
        Method::POST => "Create",
        Method::DELETE => "Delete",
        _ => return None,
    };
    let mut parameters: Value = serde_json::from_slice(body).unwrap_or_else(|_| json!({}));
    parameters["Name"] = name.into();
    if let Some(group) = group {
        parameters["GroupName"] = group.into();
    }
    Some((format!("{verb}Schedule"), parameters))
}
