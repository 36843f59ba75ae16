//! Who calls, and what a role may do: STS's GetCallerIdentity and IAM's SimulatePrincipalPolicy, by the roles' policies here.
//!
//! Sources: STS API reference, GetCallerIdentity; IAM API reference, SimulatePrincipalPolicy.

use std::collections::HashMap;

use hyper::{Response, StatusCode, header};

use super::answer::{Answer, ServiceError};
use super::policy::Policy;
use super::request::Request;

/// The answer of one of the two; none for another operation.
pub(super) fn answer(request: &Request, policies: &HashMap<String, Vec<Policy>>) -> Option<Result<Answer, ServiceError>> {
    match (request.service.as_str(), request.action.as_str()) {
        ("sts", "GetCallerIdentity") => Some(Ok(identity(request))),
        ("iam", "SimulatePrincipalPolicy") => Some(simulated(request, policies)),
        _ => None,
    }
}

fn identity(request: &Request) -> Answer {
    let caller = &request.caller;
    let session = caller.principal.split_once('/').map_or("session", |(_, session)| session);
    let arn = format!("arn:aws:sts::{}:assumed-role/{}/{session}", caller.account, caller.role);
    let fields = format!("<Arn>{arn}</Arn><UserId>{}:{session}</UserId><Account>{}</Account>", caller.role, caller.account);
    result("GetCallerIdentity", &fields)
}

fn simulated(request: &Request, policies: &HashMap<String, Vec<Policy>>) -> Result<Answer, ServiceError> {
    let source = request.query("PolicySourceArn").unwrap_or_default();
    let role = source.split_once(":role/").map(|(_, role)| role);
    let role = role.ok_or_else(|| ServiceError::new("InvalidInput", format!("{source} is no role")))?;
    let mut members = String::new();
    for action in request.list("ActionNames") {
        for resource in request.list("ResourceArns") {
            // A role that was never given a policy may do everything here.
            let allowed = policies.get(role).is_none_or(|own| own.iter().any(|policy| policy.allows(action, resource, &[])));
            let decision = if allowed { "allowed" } else { "implicitDeny" };
            members.push_str(&format!(
                "<member><EvalActionName>{action}</EvalActionName><EvalResourceName>{resource}</EvalResourceName>\
                 <EvalDecision>{decision}</EvalDecision></member>"
            ));
        }
    }
    let fields = format!("<IsTruncated>false</IsTruncated><EvaluationResults>{members}</EvaluationResults>");
    Ok(result("SimulatePrincipalPolicy", &fields))
}

fn result(action: &str, fields: &str) -> Answer {
    let body = format!("<{action}Response><{action}Result>{fields}</{action}Result></{action}Response>");
    let mut answer = Response::new(body.into());
    *answer.status_mut() = StatusCode::OK;
    answer.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/xml"));
    answer
}
