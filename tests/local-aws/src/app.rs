//! The demo application: a page in its version's colour that shows the version, and follows it when it changes.
//!
//! | path | answer |
//! |---|---|
//! | `/version` | the version as plain text |
//! | `/health` | 200, or 503 as [`App::set_healthy`] and [`App::set_undecided`] say |
//! | `/held` | the version, once [`App::release`] is called |
//! | any other | the page |
//!
//! Every answer tells the version in the header `X-Version`. The page also tells the listener's port, which is not always
//! the port of its address: a load balancer sends it as `X-Forwarded-Port` (ELB user guide, "X-Forwarded headers").

use std::{
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Request, Response, StatusCode,
    body::Incoming,
    header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{
    net::TcpListener,
    sync::{oneshot, watch},
    task::JoinHandle,
    time::timeout,
};

use crate::gateway::lock;

/// Tells which version answered.
pub const VERSION_HEADER: HeaderName = HeaderName::from_static("x-version");

/// How long [`App::stop`] waits for requests in flight.
const FAREWELL: Duration = Duration::from_secs(5);

/// A running application. Dropping it stops it as [`App::stop`] does, without waiting for the requests in flight.
pub struct App {
    address: SocketAddr,
    page: Arc<Page>,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

struct Page {
    version: HeaderValue,
    text: Bytes,
    /// The page, still without its place.
    html: String,
    health: Mutex<Health>,
    /// How many requests for `/held` have come.
    held: watch::Sender<usize>,
    /// Whether they may go.
    released: watch::Sender<bool>,
}

enum Health {
    Good,
    Sick,
    /// Good or sick at the next probe, and the other way round at the one after it.
    Undecided {
        good: bool,
    },
}

impl Health {
    /// Whether this probe passes.
    fn probe(&mut self) -> bool {
        match self {
            Self::Good => true,
            Self::Sick => false,
            Self::Undecided { good } => std::mem::replace(good, !*good),
        }
    }
}

impl App {
    /// Starts an application on a free loopback port. `colour` is any CSS colour.
    ///
    /// # Errors
    /// No port is free, or the version cannot be the value of a header.
    pub async fn start(version: &str, colour: &str) -> Result<Self> {
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("no loopback port for the application")?;
        let address = socket.local_addr()?;
        let html = include_str!("app.html").replace("{{version}}", &escape(version)).replace("{{colour}}", &escape(colour));
        let page = Arc::new(Page {
            version: HeaderValue::from_str(version).with_context(|| format!("the version `{version}` is no header value"))?,
            text: version.to_owned().into(),
            html,
            health: Mutex::new(Health::Good),
            held: watch::Sender::new(0),
            released: watch::Sender::new(false),
        });
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(serve(socket, Arc::clone(&page), stopped));
        Ok(Self { address, page, stop, serving })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether `/health` answers 200 from now on.
    pub fn set_healthy(&self, healthy: bool) {
        *lock(&self.page.health) = if healthy { Health::Good } else { Health::Sick };
    }

    /// Makes `/health` answer 200 and 503 by turns from now on: where two probes in a row decide, none ever do.
    pub fn set_undecided(&self) {
        *lock(&self.page.health) = Health::Undecided { good: false };
    }

    /// Waits until so many requests for `/held` have come.
    pub async fn holds(&self, requests: usize) {
        // The sender lives as long as the application: waiting cannot fail.
        let _ = self.page.held.subscribe().wait_for(|held| *held >= requests).await;
    }

    /// Answers the requests for `/held`, those to come too.
    pub fn release(&self) {
        self.page.released.send_replace(true);
    }

    /// Takes no more requests, and returns when those in flight are answered.
    pub async fn stop(self) {
        drop(self.stop);
        // A task that was aborted has nothing left to wait for.
        let _ = self.serving.await;
    }
}

/// A colour for a version: the same for the same text, and well apart for most others.
#[must_use]
pub fn colour_of(version: &str) -> String {
    // FNV-1a spreads short texts that differ in one character.
    let hash =
        version.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("hsl({} 62% 40%)", (hash >> 32) % 360)
}

/// Serves until the other end of `stopped` is dropped.
async fn serve(socket: TcpListener, page: Arc<Page>, mut stopped: oneshot::Receiver<()>) {
    let open = GracefulShutdown::new();
    loop {
        let stream = tokio::select! {
            accepted = socket.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(_) => continue,
            },
            _ = &mut stopped => break,
        };
        let _ = stream.set_nodelay(true);
        let page = Arc::clone(&page);
        let service = service_fn(move |request| {
            let page = Arc::clone(&page);
            async move { Ok::<_, Infallible>(answer(&page, &request).await) }
        });
        let connection = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
        tokio::spawn(open.watch(connection));
    }
    drop(socket);
    let _ = timeout(FAREWELL, open.shutdown()).await;
}

async fn answer(page: &Page, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let (content_type, body) = match request.uri().path() {
        "/version" | "/health" => ("text/plain; charset=utf-8", page.text.clone()),
        "/held" => {
            page.held.send_modify(|held| *held += 1);
            let _ = page.released.subscribe().wait_for(|released| *released).await;
            ("text/plain; charset=utf-8", page.text.clone())
        }
        _ => ("text/html; charset=utf-8", page.html.replace("{{place}}", &place(listener(request))).into()),
    };
    let sick = request.uri().path() == "/health" && !lock(&page.health).probe();
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = if sick { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer.headers_mut().insert(VERSION_HEADER, page.version.clone());
    answer
}

/// The port of the listener that a request came through; none where it came past the load balancer.
fn listener(request: &Request<Incoming>) -> Option<u16> {
    request.headers().get("x-forwarded-port")?.to_str().ok()?.parse().ok()
}

/// What a listener's port is for, by the ports that a flip takes where it is not told others.
fn place(listener: Option<u16>) -> String {
    match listener {
        Some(port @ (80 | 443)) => format!("production (port {port})"),
        Some(port @ (8080 | 8443)) => format!("rehearsal (port {port})"),
        Some(port) => format!("port {port}"),
        None => "no port of a load balancer".to_owned(),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn a_page_tells_production_and_rehearsal_apart() {
        let places = [Some(80), Some(8080), Some(9000), None].map(place);
        assert_eq!(places, ["production (port 80)", "rehearsal (port 8080)", "port 9000", "no port of a load balancer"]);
    }
}
