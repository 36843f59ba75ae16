//! What the gateway understands of a call: who makes it, which service and action, on which resource.

use bytes::Bytes;
use hyper::header::AUTHORIZATION;
use hyper::http::request::Parts;
use serde_json::Value;

use super::rest;

/// The security token of calls that build a world: never counted, broken, delayed or cut into pages.
pub const OPERATOR: &str = "operator";

/// Who makes a call. The local AWS reads it from the credentials: the access key is the account, the session token
/// names the role and the session (`role/session`); what may follow is secret, and means nothing here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Twelve digits.
    pub account: String,
    /// The role's name.
    pub role: String,
    /// Role and session: one process.
    pub principal: String,
}

/// One call, read.
#[derive(Clone, Debug)]
pub struct Request {
    /// The service's name as signatures and IAM actions spell it: `elasticloadbalancing`, `ecs`, `codepipeline`, …
    pub service: String,
    /// The operation, such as `ModifyRule`.
    pub action: String,
    /// The region of the signature.
    pub region: String,
    /// Who calls.
    pub caller: Caller,
    /// What the call says.
    pub parameters: Parameters,
}

/// The parameters, in the form the service's protocol gives them.
#[derive(Clone, Debug)]
pub enum Parameters {
    /// The Query protocol: names such as `ResourceArns.member.1`, in the order sent.
    Query(Vec<(String, String)>),
    /// The JSON protocols.
    Json(Value),
    /// Anything else (S3's, …): passed on unread.
    Unread,
}

impl Request {
    /// Reads a call. What it cannot read stays empty: such a call is passed on as it is.
    pub fn read(parts: &Parts, body: &Bytes) -> Self {
        let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        // Credential=ACCESS_KEY/DATE/REGION/SERVICE/aws4_request
        let scope: Vec<&str> = header(AUTHORIZATION.as_str())
            .split_once("Credential=")
            .map(|(_, rest)| rest.split([',', ' ']).next().unwrap_or_default())
            .unwrap_or_default()
            .split('/')
            .collect();
        let part = |index: usize| scope.get(index).map_or_else(String::new, |part| (*part).to_owned());
        let mut token = header("x-amz-security-token").split('/');
        let role = token.next().unwrap_or_default().to_owned();
        let principal = token.next().map_or_else(|| role.clone(), |session| format!("{role}/{session}"));
        let caller = Caller { account: part(0), role, principal };
        let (action, parameters) = if let Some((_, action)) = header("x-amz-target").rsplit_once('.') {
            let body = serde_json::from_slice(body).unwrap_or(Value::Null);
            (action.to_owned(), Parameters::Json(body))
        } else if header("content-type").starts_with("application/x-www-form-urlencoded") {
            let pairs: Vec<(String, String)> = form_urlencoded::parse(body).into_owned().collect();
            let action = find(&pairs, "Action").unwrap_or_default().to_owned();
            (action, Parameters::Query(pairs))
        } else if let Some((action, parameters)) = (part(3) == "scheduler").then(|| rest::scheduler(parts, body)).flatten() {
            (action, Parameters::Json(parameters))
        } else {
            (format!("{} {}", parts.method, parts.uri.path()), Parameters::Unread)
        };
        Self { service: part(3), action, region: part(2), caller, parameters }
    }

    /// A parameter of the Query protocol.
    pub fn query(&self, name: &str) -> Option<&str> {
        match &self.parameters {
            Parameters::Query(pairs) => find(pairs, name),
            _ => None,
        }
    }

    /// The values of a list of the Query protocol: `list("ResourceArns")` reads `ResourceArns.member.N`.
    pub fn list(&self, name: &str) -> Vec<&str> {
        let Parameters::Query(pairs) = &self.parameters else {
            return Vec::new();
        };
        pairs
            .iter()
            .filter(|(key, _)| {
                key.strip_prefix(name)
                    .and_then(|rest| rest.strip_prefix(".member."))
                    .is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
            })
            .map(|(_, value)| value.as_str())
            .collect()
    }

    /// A field of the JSON protocols.
    pub fn json(&self, name: &str) -> Option<&Value> {
        match &self.parameters {
            Parameters::Json(body) => body.get(name),
            _ => None,
        }
    }

    /// Whether the call is part of building a world.
    pub fn by_operator(&self) -> bool {
        self.caller.principal == OPERATOR
    }

    /// The first resource the call names: an ARN where there is one, else a name or an id.
    pub fn resource(&self) -> Option<String> {
        match &self.parameters {
            Parameters::Query(pairs) => pairs
                .iter()
                .find(|(_, value)| value.starts_with("arn:"))
                .or_else(|| pairs.iter().find(|(key, _)| key.starts_with("Name")))
                .map(|(_, value)| value.clone()),
            Parameters::Json(body) => {
                ["services", "service", "tasks", "serviceRevisionArns", "jobId", "taskDefinition", "cluster", "Name"]
                    .iter()
                    .find_map(|name| match body.get(*name)? {
                        Value::String(text) => Some(text.clone()),
                        Value::Array(items) => items.first()?.as_str().map(str::to_owned),
                        _ => None,
                    })
            }
            Parameters::Unread => None,
        }
    }

    /// Whether the call changes load balancers in a way that traffic sees.
    pub fn writes_load_balancing(&self) -> bool {
        const WRITES: [&str; 5] = ["Create", "Delete", "Modify", "Register", "Deregister"];
        self.service == "elasticloadbalancing"
            && (self.action.starts_with("Set") || WRITES.iter().any(|verb| self.action.starts_with(verb)))
    }
}

fn find<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}
