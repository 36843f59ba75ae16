//! A listener on the wire: accepts connections on a loopback port and answers each request by the table of that moment.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use anyhow::{Context, Result};
use arc_swap::ArcSwap;
use hyper::{Request, Response, body::Incoming, header::HOST, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;

use super::{
    PortPolicy,
    answer::answer,
    condition::Facts,
    forward::{Arrival, Body, Forwarder},
    table::Table,
};
use crate::connections::each_connection;

/// What every connection needs.
pub(super) struct Shared {
    /// The nodes' tables: one at least.
    pub nodes: ArcSwap<Vec<Table>>,
    /// How many requests there were: they go to the nodes in turn.
    requests: AtomicUsize,
    forwarder: Forwarder,
}

impl Shared {
    pub fn new(forwarder: Forwarder) -> Self {
        Self { nodes: ArcSwap::from_pointee(vec![Table::default()]), requests: AtomicUsize::new(0), forwarder }
    }

    /// The table of the node whose turn it is.
    fn table(&self) -> Option<Table> {
        let nodes = self.nodes.load();
        nodes.get(self.requests.fetch_add(1, Ordering::Relaxed) % nodes.len().max(1)).cloned()
    }
}

/// An open listener; dropping it closes the port and its connections.
pub(super) struct Door {
    pub address: SocketAddr,
    _accepting: AbortOnDropHandle<()>,
}

impl Door {
    /// Binds a port for the listener with this ARN and starts serving.
    ///
    /// # Errors
    /// No port could be bound.
    pub async fn open(shared: Arc<Shared>, arn: String, port: u16, policy: PortPolicy, tls: Option<TlsAcceptor>) -> Result<Self> {
        let socket = bind(port, policy).await.with_context(|| format!("failed to bind a loopback port for {arn}"))?;
        let address = socket.local_addr()?;
        let serve = move |stream: TcpStream| {
            let (shared, arn, tls) = (Arc::clone(&shared), arn.clone(), tls.clone());
            async move {
                // A client that is gone already, or whose handshake fails, is not told anything.
                let Ok(client) = stream.peer_addr() else { return };
                match tls {
                    None => converse(shared, &arn, client, stream).await,
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(stream).await {
                            converse(shared, &arn, client, stream).await;
                        }
                    }
                }
            }
        };
        let accepting = tokio::spawn(each_connection(socket, serve));
        Ok(Self { address, _accepting: AbortOnDropHandle::new(accepting) })
    }
}

async fn bind(port: u16, policy: PortPolicy) -> io::Result<TcpListener> {
    if policy == PortPolicy::SameIfPossible
        && let Ok(socket) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await
    {
        return Ok(socket);
    }
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await
}

/// Answers the requests of one connection. That it ends early is the client's or the target's doing: nothing to tell.
async fn converse(
    shared: Arc<Shared>,
    arn: &str,
    client: SocketAddr,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) {
    let service = service_fn(|request| respond(&shared, arn, client, request));
    let _ = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service).await;
}

/// One request, by a node's table as it is now: an open connection follows a rule's change at its next request.
async fn respond(
    shared: &Shared,
    arn: &str,
    client: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<Body>, io::Error> {
    let table = shared.table().ok_or(io::ErrorKind::NotConnected)?;
    // An error closes the connection, which is what clients of a deleted listener meet.
    let listener = table.listeners.get(arn).ok_or(io::ErrorKind::NotConnected)?;
    let authority = request.headers().get(HOST).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
    let host = authority.rsplit_once(':').map_or(authority.as_str(), |(host, _)| host).to_owned();
    let arrival = Arrival { port: listener.port, https: listener.https, client: client.ip(), authority, host };
    let facts = Facts {
        method: request.method(),
        uri: request.uri(),
        headers: request.headers(),
        host: &arrival.host,
        source: arrival.client,
    };
    let rule = listener.rule(&facts).ok_or(io::ErrorKind::NotFound)?;
    Ok(answer(&table, rule, &arrival, &shared.forwarder, request).await)
}
