//! Passes a request on to a target and its answer back, over kept-alive connections.

use std::{net::IpAddr, time::Duration};

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::{
    Request, Response, StatusCode, Uri,
    body::Incoming,
    header::{
        CONNECTION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER,
        TRANSFER_ENCODING, UPGRADE,
    },
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::time::timeout;

use super::group::Target;

/// An answer's body: a target's, as it comes, or one of the load balancer's own.
pub(super) type Body = Either<Incoming, Full<Bytes>>;

/// Where a request came in.
pub(super) struct Arrival {
    /// The listener's port as the API has it; what is bound locally may be another.
    pub port: u16,
    pub https: bool,
    pub client: IpAddr,
    /// The `Host` header, with its port where it has one.
    pub authority: String,
    /// The host name in it.
    pub host: String,
}

impl Arrival {
    /// As redirects spell it.
    pub fn protocol(&self) -> &'static str {
        if self.https { "HTTPS" } else { "HTTP" }
    }
}

/// Headers about one connection, not about the request (RFC 9110, 7.6.1).
const HOP_BY_HOP: [HeaderName; 7] =
    [CONNECTION, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];

/// Sends requests to targets.
pub(super) struct Forwarder {
    client: Client<HttpConnector, Incoming>,
    /// How long a target may take until the head of its answer.
    patience: Duration,
}

impl Forwarder {
    pub fn new(patience: Duration) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(patience));
        Self { client: Client::builder(TokioExecutor::new()).set_host(false).build(connector), patience }
    }

    /// The target's answer; 502 where it cannot be reached or speaks no HTTP, 504 where it takes too long. No other target is tried.
    pub async fn send(&self, arrival: &Arrival, target: &Target, mut request: Request<Incoming>) -> Response<Body> {
        let Some(address) = target.address else {
            return text(StatusCode::BAD_GATEWAY, &format!("502 Bad Gateway: the target {} is no loopback address", target.id));
        };
        let path = request.uri().path_and_query().map_or("/", |p| p.as_str());
        let Ok(uri) = format!("http://{address}{path}").parse::<Uri>() else {
            return text(StatusCode::BAD_REQUEST, "400 Bad Request");
        };
        *request.uri_mut() = uri;
        strip(request.headers_mut());
        add_forwarded(request.headers_mut(), arrival);
        match timeout(self.patience, self.client.request(request)).await {
            Err(_) => text(StatusCode::GATEWAY_TIMEOUT, "504 Gateway Time-out"),
            Ok(Err(_)) => text(StatusCode::BAD_GATEWAY, "502 Bad Gateway"),
            Ok(Ok(mut answer)) => {
                strip(answer.headers_mut());
                answer.map(Either::Left)
            }
        }
    }
}

fn strip(headers: &mut HeaderMap) {
    headers.remove("keep-alive");
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
}

/// ELB user guide, "X-Forwarded headers": the client is appended to what is there, protocol and port are replaced.
fn add_forwarded(headers: &mut HeaderMap, arrival: &Arrival) {
    let before = headers.get("x-forwarded-for").and_then(|v| v.to_str().ok());
    let chain = before.map_or_else(|| arrival.client.to_string(), |before| format!("{before}, {}", arrival.client));
    if let Ok(chain) = HeaderValue::from_str(&chain) {
        headers.insert("x-forwarded-for", chain);
    }
    headers.insert("x-forwarded-proto", HeaderValue::from_static(if arrival.https { "https" } else { "http" }));
    headers.insert("x-forwarded-port", HeaderValue::from(arrival.port));
}

/// An answer of the load balancer's own.
pub(super) fn text(status: StatusCode, body: &str) -> Response<Body> {
    let mut answer = Response::new(Either::Right(Full::from(body.to_owned())));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    answer
}
