//! The way to ministack: the call as it came, the answer as it was given.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, header};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use super::answer::Answer;

pub(super) struct Upstream {
    address: SocketAddr,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Upstream {
    pub(super) fn new(address: SocketAddr) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self { address, client: Client::builder(TokioExecutor::new()).build(connector) }
    }

    pub(super) async fn pass_on(&self, parts: &Parts, body: Bytes) -> Result<Answer> {
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = parts.method.clone();
        *request.uri_mut() = format!("http://{}{path}", self.address).parse()?;
        *request.headers_mut() = parts.headers.clone();
        // What concerns one connection only. The body has been read whole.
        for name in [header::CONNECTION, header::EXPECT, header::TRANSFER_ENCODING, header::CONTENT_LENGTH] {
            request.headers_mut().remove(name);
        }
        // The answer to HEAD tells the length of a body that does not come.
        let head = request.method() == Method::HEAD;
        let answer = self.client.request(request).await.context("ministack did not answer")?;
        let (mut parts, body) = answer.into_parts();
        for name in [header::CONNECTION, header::TRANSFER_ENCODING, header::CONTENT_LENGTH] {
            if !(head && name == header::CONTENT_LENGTH) {
                parts.headers.remove(name);
            }
        }
        let body = body.collect().await.context("ministack's answer broke off")?.to_bytes();
        Ok(Response::from_parts(parts, body))
    }
}
