//! What AWS refuses and ministack accepts, as far as the call itself shows it. What depends on what is there is refused in
//! `tests/local-aws/ministack/`.
//!
//! Sources: the service models elasticloadbalancingv2 2015-12-01 and ecs 2014-11-13 (tag patterns, page sizes, items a call),
//! the user guide of Elastic Load Balancing (lengths of tags: one less than the model says), and aws-sdk-go-v2#2715 (AddTags
//! takes one resource, although its parameter is a list).

use serde_json::Value;

use super::answer::ServiceError;
use super::request::{Parameters, Request};

/// The refusal of a call that breaks a limit.
pub(super) fn refusal(request: &Request) -> Option<ServiceError> {
    match request.service.as_str() {
        "elasticloadbalancing" => page_size(request).or_else(|| names(request)).or_else(|| tags(request)).map(invalid),
        "ecs" => items(request).map(|message| ServiceError::new("InvalidParameterException", message)),
        _ => None,
    }
}

fn invalid(message: String) -> ServiceError {
    ServiceError::new("ValidationError", message)
}

fn page_size(request: &Request) -> Option<String> {
    let size = request.query("PageSize")?;
    let legal = size.parse().is_ok_and(|size: u32| (1..=400).contains(&size));
    (!legal).then(|| format!("Page size '{size}' must be between 1 and 400"))
}

fn names(request: &Request) -> Option<String> {
    let (list, most) = match request.action.as_str() {
        "AddTags" | "RemoveTags" if request.list("ResourceArns").len() > 1 => {
            return Some("Only one resource can be tagged at a time".to_owned());
        }
        "DescribeTags" => ("ResourceArns", 20),
        "DescribeLoadBalancers" => ("Names", 20),
        _ => return None,
    };
    let found = request.list(list).len();
    (found > most).then(|| format!("{list} may hold at most {most} items in a call, not {found}"))
}

fn tags(request: &Request) -> Option<String> {
    let Parameters::Query(pairs) = &request.parameters else {
        return None;
    };
    pairs.iter().filter(|(name, _)| name.starts_with("Tags.member.")).find_map(|(name, value)| {
        let (kind, range) = if name.ends_with(".Key") { ("key", 1..=127) } else { ("value", 0..=255) };
        let found = value.chars().count();
        if !range.contains(&found) {
            return Some(format!("A tag {kind} must have {} to {} characters, not {found}", range.start(), range.end()));
        }
        let illegal = value.chars().find(|c| !legal_in_tags(*c))?;
        Some(format!("A tag {kind} may not hold the character {illegal:?}: {value:?}"))
    })
}

/// `[\p{L}\p{Z}\p{N}_.:/=+\-@]`
fn legal_in_tags(c: char) -> bool {
    c.is_alphanumeric() || (c.is_whitespace() && !c.is_control()) || "_.:/=+-@".contains(c)
}

/// What a call of ECS may name or ask for at most.
fn items(request: &Request) -> Option<String> {
    let (list, most) = match request.action.as_str() {
        "DescribeServices" => ("services", 10),
        "DescribeTasks" => ("tasks", 100),
        "DescribeServiceRevisions" => ("serviceRevisionArns", 20),
        "ListServices" | "ListTasks" | "ListClusters" => {
            let asked = request.json("maxResults").and_then(Value::as_u64)?;
            let legal = (1..=100).contains(&asked);
            return (!legal).then(|| format!("maxResults must be between 1 and 100, not {asked}"));
        }
        _ => return None,
    };
    let found = request.json(list).and_then(Value::as_array).map_or(0, Vec::len);
    (found > most).then(|| format!("{list} may hold at most {most} items in a call, not {found}"))
}
