//! Answers the gateway gives itself, in each service's error shape.

use bytes::Bytes;
use hyper::{Response, StatusCode, header};
use serde_json::json;

use super::request::{Parameters, Request};

/// An answer, whole.
pub type Answer = Response<Bytes>;

/// An error of a service: its HTTP status, its code and a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceError {
    /// The HTTP status.
    pub status: u16,
    /// The code that the SDK reads.
    pub code: &'static str,
    /// For people.
    pub message: String,
}

impl ServiceError {
    /// A client error (HTTP 400).
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { status: 400, code, message: message.into() }
    }

    /// An error with a code of a test's choice. Elastic Load Balancing sends two of its codes with a status of their own.
    pub fn of_test(code: &'static str) -> Self {
        let status = match code {
            "PriorRequestNotComplete" => 429,
            "HealthUnavailable" => 500,
            _ => 400,
        };
        Self { status, code, message: "refused by a test".to_owned() }
    }

    /// What a service says when calls come too fast. ELB's code has no suffix, and is a 400 all the same.
    pub fn throttled(request: &Request) -> Self {
        Self::new(if is_query(request) { "Throttling" } else { "ThrottlingException" }, "Rate exceeded")
    }

    /// What a service says when the caller lacks a permission on what the call names first.
    pub fn access_denied(request: &Request) -> Self {
        let resource = request.resource().filter(|name| name.starts_with("arn:"));
        Self::not_authorized(request, resource.as_deref().unwrap_or("*"))
    }

    /// What a service says when the caller lacks a permission on a resource, in the words of IAM.
    pub fn not_authorized(request: &Request, resource: &str) -> Self {
        Self::not_authorized_to(request, &format!("{}:{}", request.service, request.action), resource)
    }

    /// The same, where the permission is another one than the call's own.
    pub fn not_authorized_to(request: &Request, action: &str, resource: &str) -> Self {
        let message = format!(
            "User: arn:aws:sts::{}:assumed-role/{} is not authorized to perform: {action} on resource: {resource} \
             because no identity-based policy allows the {action} action",
            request.caller.account, request.caller.principal,
        );
        if is_query(request) {
            Self { status: 403, code: "AccessDenied", message }
        } else {
            Self::new("AccessDeniedException", message)
        }
    }

    /// An error that is the service's fault.
    pub fn server(status: u16) -> Self {
        let (code, message) = match status {
            503 => ("ServiceUnavailable", "The service is unavailable. Please try again shortly."),
            _ => ("InternalFailure", "The request processing has failed because of an unknown error."),
        };
        Self { status, code, message: message.to_owned() }
    }

    /// The local AWS itself is broken: whoever reads the product's error should see that.
    pub fn broken(error: &anyhow::Error) -> Self {
        Self { status: 500, code: "InternalFailure", message: format!("the local AWS: {error:#}") }
    }

    /// The error as the service's protocol writes it.
    pub fn answer(&self, request: &Request) -> Answer {
        let id = uuid::Uuid::new_v4().to_string();
        if is_query(request) {
            let fault = if self.status < 500 { "Sender" } else { "Receiver" };
            let body = format!(
                "<ErrorResponse><Error><Type>{fault}</Type><Code>{}</Code><Message>{}</Message></Error><RequestId>{id}</RequestId></ErrorResponse>",
                self.code,
                quick_xml::escape::escape(self.message.as_str()),
            );
            return answer(self.status, "text/xml", body, &id);
        }
        let body = json!({ "__type": self.code, "message": self.message }).to_string();
        let mut answer = answer(self.status, "application/x-amz-json-1.1", body, &id);
        answer.headers_mut().insert("x-amzn-errortype", header::HeaderValue::from_static(self.code));
        answer
    }
}

/// A result of the Query protocol.
pub fn query_result(action: &str, inner: &str) -> Answer {
    let id = uuid::Uuid::new_v4().to_string();
    let body = format!(
        "<{action}Response xmlns=\"http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/\"><{action}Result>{inner}</{action}Result>\
         <ResponseMetadata><RequestId>{id}</RequestId></ResponseMetadata></{action}Response>"
    );
    answer(200, "text/xml", body, &id)
}

/// A result of the JSON protocols.
pub fn json_result(body: &serde_json::Value) -> Answer {
    answer(200, "application/x-amz-json-1.1", body.to_string(), &uuid::Uuid::new_v4().to_string())
}

fn answer(status: u16, kind: &'static str, body: String, id: &str) -> Answer {
    let mut answer = Response::new(Bytes::from(body));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    if let Ok(id) = header::HeaderValue::from_str(id) {
        answer.headers_mut().insert("x-amzn-requestid", id);
    }
    answer
}

fn is_query(request: &Request) -> bool {
    matches!(request.parameters, Parameters::Query(_))
}
