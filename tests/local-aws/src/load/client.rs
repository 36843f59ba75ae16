//! One client: one connection, kept open, and the cookies it was given.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::{
    HeaderMap, Request,
    client::conn::http1::{SendRequest, handshake},
    header::{COOKIE, HOST, HeaderName, HeaderValue, SET_COOKIE},
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    },
};

use super::Aim;
use crate::app::VERSION_HEADER;

pub(super) struct Client {
    aim: Aim,
    host: String,
    headers: HeaderMap,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    cookies: BTreeMap<String, String>,
    connection: Option<SendRequest<Empty<Bytes>>>,
}

impl Client {
    /// # Errors
    /// A header, a host name or a certificate that is none.
    pub fn new(aim: &Aim) -> Result<Self> {
        let host = aim.host.clone().unwrap_or_else(|| aim.address.to_string());
        let mut headers = HeaderMap::new();
        for (name, value) in &aim.headers {
            headers.insert(HeaderName::from_bytes(name.as_bytes())?, HeaderValue::from_str(value)?);
        }
        let tls = aim.authority.as_deref().map(|authority| -> Result<_> {
            let name =
                aim.host.as_deref().map_or_else(|| aim.address.ip().to_string(), |h| h.split(':').next().unwrap_or(h).to_owned());
            Ok((connector(authority)?, ServerName::try_from(name)?))
        });
        let tls = tls.transpose()?;
        Ok(Self { aim: aim.clone(), host, headers, tls, cookies: BTreeMap::new(), connection: None })
    }

    /// The next request goes over a new connection.
    pub fn disconnect(&mut self) {
        self.connection = None;
    }

    /// One request: the status and the version that answered, where it told one.
    ///
    /// # Errors
    /// No connection, or one that ended.
    pub async fn ask(&mut self) -> Result<(u16, Option<String>)> {
        let mut request = Request::get(&self.aim.path).header(HOST, &self.host).body(Empty::new())?;
        request.headers_mut().extend(self.headers.clone());
        let mut cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        cookies.extend(self.headers.get(COOKIE).and_then(|v| v.to_str().ok()).map(str::to_owned));
        if !cookies.is_empty() {
            request.headers_mut().insert(COOKIE, HeaderValue::from_str(&cookies.join("; "))?);
        }
        let sender = match self.connection.as_mut().filter(|sender| !sender.is_closed()) {
            Some(sender) => sender,
            None => {
                let sender = connect(&self.aim, self.tls.clone()).await?;
                self.connection.insert(sender)
            }
        };
        sender.ready().await?;
        let answer = sender.send_request(request).await?;
        let version = answer.headers().get(VERSION_HEADER).and_then(|v| v.to_str().ok()).map(str::to_owned);
        for cookie in answer.headers().get_all(SET_COOKIE).iter().filter_map(|v| v.to_str().ok()) {
            if let Some((name, value)) = cookie.split(';').next().and_then(|pair| pair.split_once('=')) {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let status = answer.status().as_u16();
        answer.into_body().collect().await?;
        Ok((status, version))
    }
}

async fn connect(aim: &Aim, tls: Option<(TlsConnector, ServerName<'static>)>) -> Result<SendRequest<Empty<Bytes>>> {
    let stream = TcpStream::connect(aim.address).await?;
    stream.set_nodelay(true)?;
    match tls {
        None => open(stream).await,
        Some((connector, name)) => open(connector.connect(name, stream).await?).await,
    }
}

async fn open(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Result<SendRequest<Empty<Bytes>>> {
    let (sender, driver) = handshake(TokioIo::new(stream)).await?;
    // How it ends is seen by the request that it carries.
    tokio::spawn(driver);
    Ok(sender)
}

fn connector(authority: &str) -> Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.as_bytes()).context("the authority is no PEM certificate")?)?;
    let config =
        ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider())).with_safe_default_protocol_versions()?;
    Ok(TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth())))
}
