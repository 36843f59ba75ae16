//! Certificates for HTTPS listeners: a certificate authority of this load balancer's own, and a certificate for whatever name a
//! client asks for, so that any host rule can be tried over TLS.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex},
};

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::PrivateKeyDer,
        server::{ClientHello, ResolvesServerCert},
        sign::CertifiedKey,
    },
};

use super::group::lock;

/// Signs certificates for as long as the load balancer lives.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    /// By host name.
    issued: Mutex<HashMap<String, Arc<CertifiedKey>>>,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authority")
    }
}

impl Authority {
    /// Makes a new authority with a key of its own.
    ///
    /// # Errors
    /// No key or certificate could be made.
    pub fn new() -> Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "local load balancer");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let issuer =
            CertifiedIssuer::self_signed(params, KeyPair::generate()?).context("failed to make a certificate authority")?;
        Ok(Self { issuer, issued: Mutex::default() })
    }

    /// The authority's own certificate, for clients to trust.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// Accepts TLS connections for any name, with HTTP/1.1 inside.
    ///
    /// # Errors
    /// The TLS library refuses its own defaults.
    pub fn acceptor(self: &Arc<Self>) -> Result<TlsAcceptor> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let mut config = config.with_no_client_auth().with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    fn issue(&self, name: &str) -> Result<CertifiedKey> {
        let mut params = CertificateParams::new([name.to_owned(), "127.0.0.1".to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(anyhow::Error::msg)?;
        Ok(CertifiedKey::new(vec![certificate.der().clone()], aws_lc_rs::sign::any_supported_type(&key)?))
    }
}

impl ResolvesServerCert for Authority {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // A client that connects by address sends no name.
        let name = hello.server_name().unwrap_or("localhost");
        if let Some(known) = lock(&self.issued).get(name) {
            return Some(Arc::clone(known));
        }
        let certificate = Arc::new(self.issue(name).ok()?);
        lock(&self.issued).insert(name.to_owned(), Arc::clone(&certificate));
        Some(certificate)
    }
}
