//! What AWS refuses and ministack accepts. Source: the service model elasticloadbalancingv2 2015-12-01 (tag patterns and
//! lengths, page sizes) and the API reference (20 ARNs or names a call). Actions are refused in `tests/local-aws/ministack/`.

use super::answer::ServiceError;
use super::request::{Parameters, Request};

/// The refusal of a call that breaks a limit.
pub(super) fn refusal(request: &Request) -> Option<ServiceError> {
    if request.service != "elasticloadbalancing" {
        return None;
    }
    let refuse = |message: String| Some(ServiceError::new("ValidationError", message));
    if let Some(size) = request.query("PageSize")
        && !size.parse().is_ok_and(|size: u32| (1..=400).contains(&size))
    {
        return refuse(format!("Page size '{size}' must be between 1 and 400"));
    }
    let most = match request.action.as_str() {
        "DescribeTags" => Some(("ResourceArns", 20)),
        "DescribeLoadBalancers" => Some(("Names", 20)),
        _ => None,
    };
    if let Some((list, most)) = most
        && request.list(list).len() > most
    {
        let found = request.list(list).len();
        return refuse(format!("{list} may hold at most {most} items in a call, not {found}"));
    }
    let Parameters::Query(pairs) = &request.parameters else {
        return None;
    };
    for (name, value) in pairs.iter().filter(|(name, _)| name.starts_with("Tags.member.")) {
        let (kind, range) = if name.ends_with(".Key") { ("key", 1..=128) } else { ("value", 0..=256) };
        if !range.contains(&value.chars().count()) {
            let found = value.chars().count();
            return refuse(format!("A tag {kind} must have {} to {} characters, not {found}", range.start(), range.end()));
        }
        if let Some(illegal) = value.chars().find(|c| !legal_in_tags(*c)) {
            return refuse(format!("A tag {kind} may not hold the character {illegal:?}: {value:?}"));
        }
    }
    None
}

/// `[\p{L}\p{Z}\p{N}_.:/=+\-@]`
fn legal_in_tags(c: char) -> bool {
    c.is_alphanumeric() || (c.is_whitespace() && !c.is_control()) || "_.:/=+-@".contains(c)
}
