//! The gateway behind TLS: connections are taken apart here and passed on, one for one.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use tempfile::NamedTempFile;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::connections::each_connection;
use crate::load_balancer::tls::Authority;

/// Where Debian and Amazon Linux keep the authorities that a machine trusts. A product process reads as many as it does on Lambda.
const TRUSTED: [&str; 2] = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];

/// A running front. It ends when it is dropped.
#[derive(Debug)]
pub struct TlsFront {
    address: SocketAddr,
    trusted: NamedTempFile,
    serving: JoinHandle<()>,
}

impl Drop for TlsFront {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl TlsFront {
    pub(super) async fn start(gateway: SocketAddr) -> Result<Self> {
        let authority = Arc::new(Authority::new()?);
        let acceptor = authority.acceptor()?;
        let mut trusted = NamedTempFile::new()?;
        let machine = TRUSTED.iter().find_map(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
        write!(trusted, "{machine}\n{}", authority.pem()).context("failed to write the authorities to trust")?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let serving = tokio::spawn(each_connection(listener, move |stream| {
            let acceptor = acceptor.clone();
            async move {
                let mut outside = acceptor.accept(stream).await?;
                let mut inside = TcpStream::connect(gateway).await?;
                inside.set_nodelay(true)?;
                copy_bidirectional(&mut outside, &mut inside).await
            }
        }));
        Ok(Self { address, trusted, serving })
    }

    /// What the product gets as `AWS_ENDPOINT_URL`.
    pub fn endpoint(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    /// What the product gets as `SSL_CERT_FILE`: this front's authority, and those that the machine trusts.
    pub fn trusted(&self) -> &Path {
        self.trusted.path()
    }
}
