//! An AWS call that failed: which one, on what, why, and whether it is worth another try.

use std::error::Error as StdError;

use aws_sdk_elasticloadbalancingv2::error::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use thiserror::Error;

/// What a failure means for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Throttled, unavailable, lost or late: another try may succeed.
    Transient,
    /// Not allowed: somebody must change a policy.
    Permission,
    /// What was named is not there.
    NotFound,
    /// Anything else: the same call will fail again.
    Permanent,
}

/// The table of codes. Sources: the `errors` of the service models (botocore), the common errors of the AWS APIs.
const CODES: &[(&str, Class)] = &[
    ("Throttling", Class::Transient),
    ("ThrottlingException", Class::Transient),
    ("ThrottledException", Class::Transient),
    ("RequestThrottled", Class::Transient),
    ("RequestThrottledException", Class::Transient),
    ("TooManyRequestsException", Class::Transient),
    ("RequestLimitExceeded", Class::Transient),
    ("LimitExceededException", Class::Transient),
    ("ServiceUnavailable", Class::Transient),
    ("ServiceUnavailableException", Class::Transient),
    ("InternalFailure", Class::Transient),
    ("InternalError", Class::Transient),
    ("InternalServerError", Class::Transient),
    ("InternalServiceException", Class::Transient),
    ("ServerException", Class::Transient),
    ("HealthUnavailable", Class::Transient),
    ("RequestTimeout", Class::Transient),
    ("RequestTimeoutException", Class::Transient),
    ("AccessDenied", Class::Permission),
    ("AccessDeniedException", Class::Permission),
    ("UnauthorizedOperation", Class::Permission),
    ("OptInRequired", Class::Permission),
    ("ExpiredToken", Class::Permission),
    ("ExpiredTokenException", Class::Permission),
    ("InvalidClientTokenId", Class::Permission),
    ("UnrecognizedClientException", Class::Permission),
    ("SignatureDoesNotMatch", Class::Permission),
    ("MissingAuthenticationToken", Class::Permission),
    ("MissingAuthenticationTokenException", Class::Permission),
    ("IncompleteSignature", Class::Permission),
    ("IncompleteSignatureException", Class::Permission),
    ("InvalidSignatureException", Class::Permission),
    ("LoadBalancerNotFound", Class::NotFound),
    ("ListenerNotFound", Class::NotFound),
    ("RuleNotFound", Class::NotFound),
    ("TargetGroupNotFound", Class::NotFound),
    ("ClusterNotFoundException", Class::NotFound),
    ("ServiceNotFoundException", Class::NotFound),
    ("ServiceDeploymentNotFoundException", Class::NotFound),
    ("ResourceNotFoundException", Class::NotFound),
    ("NoSuchEntity", Class::NotFound),
];

/// Codes whose messages quote the request back, with its Authorization and X-Amz-Security-Token headers (IAM user guide,
/// "Troubleshoot Signature Version 4 signing errors"): they must reach no log and no job.
const QUOTING: [&str; 4] =
    ["SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature", "IncompleteSignatureException"];

/// Codes of a caller that AWS knows and that lacks a permission; the other codes of [`Class::Permission`] are of
/// credentials that AWS does not take.
const NOT_ALLOWED: [&str; 3] = ["AccessDenied", "AccessDeniedException", "UnauthorizedOperation"];

/// AWS's message, unless it quotes the credentials.
fn described(code: Option<&str>, message: &str) -> String {
    if code.is_some_and(|code| QUOTING.contains(&code)) {
        return "AWS did not take the request's signature (its message quotes the request and is left out); check the \
                credentials and the clock"
            .to_owned();
    }
    message.trim_end_matches('.').to_owned()
}

/// What a code and an HTTP status mean; the code decides where it is known.
#[must_use]
pub fn classify(code: Option<&str>, status: Option<u16>) -> Class {
    let known = code.and_then(|code| CODES.iter().find(|(known, _)| *known == code)).map(|(_, class)| *class);
    known.unwrap_or(match status {
        Some(429 | 500..=599) | None => Class::Transient,
        Some(401 | 403) => Class::Permission,
        Some(_) => Class::Permanent,
    })
}

/// A failed AWS call.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}. {}", self.what(), self.advice())]
pub struct AwsFailure {
    /// The action as a policy names it, such as `elasticloadbalancing:ModifyRule`.
    pub action: &'static str,
    /// What it was called on: an ARN or a name.
    pub resource: String,
    /// What it means.
    pub class: Class,
    /// AWS's error code, where an answer came.
    pub code: Option<String>,
    /// AWS's message, or what went wrong on the way.
    pub message: String,
    /// AWS's request id, where an answer came.
    pub request_id: Option<String>,
}

impl AwsFailure {
    /// From an SDK error (every service's has this type).
    #[must_use]
    pub fn new<E: StdError + ProvideErrorMetadata + 'static>(action: &'static str, resource: &str, error: &SdkError<E>) -> Self {
        let code = error.code().map(str::to_owned);
        let status = error.raw_response().map(|response| response.status().as_u16());
        // An answer that cannot be read (cut in half, say) is as good as none.
        let status = status.filter(|status| code.is_some() || *status >= 400);
        let message = match (error.message(), error) {
            (Some(message), _) => described(code.as_deref(), message),
            (None, SdkError::TimeoutError(_)) => "no answer within the time-out".to_owned(),
            (None, SdkError::DispatchFailure(_)) => format!("the connection failed ({})", root(error)),
            (None, SdkError::ConstructionFailure(_)) => format!("the request could not be made ({})", root(error)),
            _ => status.map_or_else(
                || "the answer could not be read".to_owned(),
                |status| format!("HTTP status {status} without an error code"),
            ),
        };
        let request_id = error.meta().extra("aws_request_id").map(str::to_owned);
        let class = match error {
            SdkError::ConstructionFailure(_) => Class::Permanent,
            _ if lacks_cognito(code.as_deref(), &message) => Class::Permission,
            _ => classify(code.as_deref(), status),
        };
        Self { action, resource: resource.to_owned(), class, code, message, request_id }
    }

    /// An answer of AWS's that lacks something it always has.
    #[must_use]
    pub fn incomplete(action: &'static str, resource: &str, lacks: &str) -> Self {
        Self {
            action,
            resource: resource.to_owned(),
            class: Class::Permanent,
            code: None,
            message: format!("the answer has no {lacks}"),
            request_id: None,
        }
    }

    /// Whether AWS refused the call since there were too many.
    #[must_use]
    pub fn is_throttled(&self) -> bool {
        let too_many = ["TooManyRequestsException", "RequestLimitExceeded"];
        self.code.as_deref().is_some_and(|code| code.contains("Throttl") || too_many.contains(&code))
    }

    /// What failed, without advice: the action, the resource, AWS's code, message and request id.
    #[must_use]
    pub fn what(&self) -> String {
        let code = self.code.as_ref().map(|code| format!("{code}: ")).unwrap_or_default();
        let request = self.request_id.as_ref().map(|id| format!(" (request {id})")).unwrap_or_default();
        format!("{} on {} failed: {code}{}{request}", self.action, self.resource, self.message)
    }

    fn advice(&self) -> String {
        match self.class {
            _ if lacks_cognito(self.code.as_deref(), &self.message) => "A rule with authenticate-cognito needs cognito-idp:DescribeUserPoolClient as well: allow it in this role's policy".to_owned(),
            Class::Transient => "AWS did not do it in time; the next delivery or approval tries again".to_owned(),
            Class::Permission if self.code.as_deref().is_some_and(|code| NOT_ALLOWED.contains(&code)) => {
                format!("Allow {} in this role's policy, as the files in cloudformation/policies do", self.action)
            }
            Class::Permission => "Check the credentials (are they of this account, and not expired?) and the clock".to_owned(),
            Class::NotFound => "Check that it exists in this account and Region".to_owned(),
            Class::Permanent => "The same call would fail again; look at the resource it names".to_owned(),
        }
    }
}

/// Whether a rule was refused for want of the permission that a sign-in with Cognito needs. ELB asks Cognito in the
/// caller's name and does not call it AccessDenied (awslabs/kubeflow-manifests#18).
fn lacks_cognito(code: Option<&str>, message: &str) -> bool {
    code == Some("InvalidLoadBalancerAction") && message.to_lowercase().contains("describeuserpoolclient")
}

/// The innermost cause: the outer ones only say that something failed.
#[must_use]
pub fn root(error: &dyn StdError) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::{Class, classify, described};

    #[test]
    fn a_message_that_quotes_the_request_is_left_out() {
        let quoting = "The request signature we calculated does not match the signature you provided. The Canonical String for this \
                       request should have been 'POST\n/\n\nhost:example\nx-amz-security-token:IQoJb3JpZ2lu'";
        for code in super::QUOTING {
            assert!(!described(Some(code), quoting).contains("IQoJ"), "{code}");
            assert_eq!(classify(Some(code), Some(403)), Class::Permission);
        }
        assert_eq!(described(Some("AccessDenied"), "User: x is not authorized."), "User: x is not authorized");
    }
}
