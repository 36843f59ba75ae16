//! What happens to a call, from its arrival to its answer.

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;
use futures::StreamExt;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::http::request::Parts;
use hyper::service::service_fn;
use hyper::{Response, header};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use socket2::SockRef;
use tokio::net::TcpStream;

use super::answer::{Answer, ServiceError, json_result};
use super::faults::FaultKind;
use super::log::{Call, lock};
use super::request::{Parameters, Request};
use super::{Inner, health, identity, limits, paging, policy, stacks, tags, xml};

/// What the caller gets.
enum Outcome {
    /// The answer.
    Answer(Answer),
    /// The first half of it; the connection then ends.
    Cut(Answer),
    /// The connection is reset.
    Reset,
    /// Nothing at all.
    Silence,
}

/// Serves a connection until it ends; how it ends is the client's matter.
pub(super) async fn connection(inner: Arc<Inner>, stream: TcpStream) -> Result<()> {
    let number = inner.connections.fetch_add(1, Ordering::Relaxed) + 1;
    // hyper owns the stream: a second handle decides whether it is closed or reset.
    let stream = stream.into_std()?;
    let handle = stream.try_clone()?;
    let stream = TokioIo::new(TcpStream::from_std(stream)?);
    let service = service_fn(|request: hyper::Request<Incoming>| {
        let inner = Arc::clone(&inner);
        let handle = &handle;
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
            // A task of its own: a call that has begun takes its effect, whatever becomes of the caller.
            let outcome = tokio::spawn(async move { inner.handle(&parts, body, number).await }).await?;
            match outcome {
                Outcome::Answer(answer) => Ok(answer.map(whole)),
                Outcome::Cut(answer) => Ok(cut(answer)),
                Outcome::Reset => {
                    SockRef::from(handle).set_linger(Some(Duration::ZERO))?;
                    Err(io::Error::from(io::ErrorKind::ConnectionReset))
                }
                Outcome::Silence => std::future::pending().await,
            }
        }
    });
    let mut closing = inner.closing.subscribe();
    let _open = Open::begin(&inner);
    let mut served = pin!(hyper::server::conn::http1::Builder::new().serve_connection(stream, service));
    tokio::select! {
        ended = served.as_mut() => return Ok(ended?),
        _ = closing.changed() => served.as_mut().graceful_shutdown(),
    }
    Ok(served.await?)
}

/// A connection that is open.
struct Open(Arc<Inner>);

impl Open {
    fn begin(inner: &Arc<Inner>) -> Self {
        inner.open.send_modify(|open| *open += 1);
        Self(Arc::clone(inner))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.send_modify(|open| *open -= 1);
    }
}

type Body = BoxBody<Bytes, io::Error>;

fn whole(body: Bytes) -> Body {
    Full::new(body).map_err(|never: Infallible| match never {}).boxed()
}

/// Promises the whole body, gives the first half, and ends the connection.
fn cut(answer: Answer) -> Response<Body> {
    let (mut parts, body) = answer.into_parts();
    parts.headers.insert(header::CONTENT_LENGTH, body.len().into());
    let half = body.slice(..body.len() / 2);
    // hyper writes out what it has whenever a body has nothing more for now: the end comes only after such a moment.
    let pieces = futures::stream::iter([Ok(Frame::data(half))]).chain(futures::stream::once(async {
        tokio::task::yield_now().await;
        Err(io::Error::from(io::ErrorKind::ConnectionAborted))
    }));
    Response::from_parts(parts, BodyExt::boxed(StreamBody::new(Box::pin(pieces))))
}

impl Inner {
    async fn handle(&self, parts: &Parts, body: Bytes, connection: usize) -> Outcome {
        let request = Request::read(parts, &body);
        if request.by_operator() {
            return Outcome::Answer(self.answer(parts, body, &request, None).await);
        }
        self.under_way.send_modify(|calls| *calls += 1);
        let outcome = self.handle_counted(parts, body, &request, connection).await;
        self.under_way.send_modify(|calls| *calls -= 1);
        outcome
    }

    async fn handle_counted(&self, parts: &Parts, mut body: Bytes, request: &Request, connection: usize) -> Outcome {
        let call = self.log.arrive(request, connection);
        let distance = *lock(&self.distance);
        if !distance.is_zero() {
            tokio::time::sleep(distance).await;
        }
        self.rounds.hold(&call).await;
        self.faults.hold(&call).await;
        let fault = self.faults.strike(&call);
        if let Some(FaultKind::TagsWiped(prefix)) = fault
            && let Err(error) = tags::wipe_all(self.backends.load_balancer.api(), prefix).await
        {
            return Outcome::Answer(ServiceError::broken(&error).answer(request));
        }
        let refusal = match fault {
            Some(FaultKind::KillBefore) => {
                self.kill(&call);
                return Outcome::Silence;
            }
            Some(FaultKind::ResetBefore) => return Outcome::Reset,
            Some(FaultKind::Hang) => return Outcome::Silence,
            Some(FaultKind::Status500) => Some(ServiceError::server(500)),
            Some(FaultKind::Status503) => Some(ServiceError::server(503)),
            Some(FaultKind::Throttled) => Some(ServiceError::throttled(request)),
            Some(FaultKind::AccessDenied) => Some(ServiceError::access_denied(request)),
            Some(FaultKind::Refused(code)) => Some(ServiceError::of_test(code)),
            _ => self.throttled(request).or_else(|| self.denied(request)),
        };
        let partly = matches!(fault, Some(FaultKind::FirstTag | FaultKind::FirstTagReset));
        if partly && request.action == "AddTags" {
            body = tags::only_first(&body);
        }
        let answer = match refusal {
            Some(error) => error.answer(request),
            None => {
                let page_size = *lock(&self.page_size);
                self.answer(parts, body, request, page_size).await
            }
        };
        match fault {
            Some(FaultKind::KillAfter) => {
                self.kill(&call);
                return Outcome::Silence;
            }
            Some(FaultKind::ResetAfter | FaultKind::FirstTagReset) => return Outcome::Reset,
            Some(FaultKind::HangAfter) => return Outcome::Silence,
            _ => {}
        }
        self.log.answer(&call, answer.status().as_u16());
        if fault == Some(FaultKind::CutAnswer) { Outcome::Cut(answer) } else { Outcome::Answer(answer) }
    }

    /// A call's effect and its answer.
    async fn answer(&self, parts: &Parts, body: Bytes, request: &Request, page_size: Option<usize>) -> Answer {
        if let Some(error) = limits::refusal(request) {
            return error.answer(request);
        }
        if let Some(answer) = stacks::invocation(&self.backends.jobs, parts, &body, request).await {
            return answer;
        }
        if request.service == "codepipeline" {
            let body: Value = serde_json::from_slice(&body).unwrap_or_default();
            return match self.backends.jobs.answer(&request.action, &request.caller.principal, &body) {
                Ok(result) => json_result(&result),
                Err(error) => error.answer(request),
            };
        }
        if let Some(answer) = identity::answer(request, &lock(&self.policies)) {
            return answer.unwrap_or_else(|error| error.answer(request));
        }
        if request.service == "application-autoscaling" {
            return json_result(&self.backends.ecs.scaling(request));
        }
        match self.pass_on(parts, body, request, page_size).await {
            Ok(answer) => answer,
            Err(error) => ServiceError::broken(&error).answer(request),
        }
    }

    async fn pass_on(&self, parts: &Parts, body: Bytes, request: &Request, page_size: Option<usize>) -> Result<Answer> {
        let page = match paging::wanted(request, page_size) {
            Ok(page) => page,
            Err(error) => return Ok(error.answer(request)),
        };
        let before = self.stale.before(&self.upstream, parts, request).await?;
        let mut answer = self.upstream.pass_on(parts, body).await?;
        if !answer.status().is_success() {
            return Ok(answer);
        }
        self.stale.written(before);
        if !request.by_operator() {
            answer = self.reorder(self.stale.shown(answer, request)?, request)?;
        }
        if request.action == "DescribeTargetHealth" {
            return Ok(health::describe(request, &self.backends.load_balancer));
        }
        // Stacks create load balancers too.
        if request.writes_load_balancing() {
            self.backends.load_balancer.reload_after(&request.action).await?;
        } else if request.service == "cloudformation" {
            self.backends.load_balancer.reload().await?;
            self.look_at_stacks(&request.caller.account).await?;
        }
        stacks::uploaded(&self.backends.jobs, parts, request).await?;
        if request.service == "ecs" {
            self.backends.ecs.called(request);
        }
        match page {
            Some(page) => page.cut(answer, request),
            None => Ok(answer),
        }
    }

    /// Turns the lists round whose order means nothing.
    fn reorder(&self, answer: Answer, request: &Request) -> Result<Answer> {
        if !self.reordered.load(Ordering::Relaxed) || !["DescribeRules", "DescribeListeners"].contains(&request.action.as_str()) {
            return Ok(answer);
        }
        let (parts, body) = answer.into_parts();
        let body = xml::reversed(std::str::from_utf8(&body)?, "TargetGroups")?;
        let body = xml::reversed(&xml::reversed(&body, "Actions")?, "DefaultActions")?;
        Ok(Response::from_parts(parts, body.into()))
    }

    fn throttled(&self, request: &Request) -> Option<ServiceError> {
        if request.service == "ecs" && !self.registrations.admits(&request.action, Instant::now()) {
            return Some(ServiceError::throttled(request));
        }
        let throttle = lock(&self.throttle).clone()?;
        (!throttle.admits(request)).then(|| ServiceError::throttled(request))
    }

    fn denied(&self, request: &Request) -> Option<ServiceError> {
        // Calls that are passed on unread (S3's) name no action.
        if matches!(request.parameters, Parameters::Unread) {
            return None;
        }
        let policies = lock(&self.policies);
        policy::refusal(request, policies.get(&request.caller.role)?)
    }

    fn kill(&self, call: &Call) {
        let kill = lock(&self.kills).get(&call.caller.principal).cloned();
        if let Some(kill) = kill {
            kill();
        }
    }
}
