//! HTTPS listeners, with certificates of the load balancer's own authority.

use std::sync::Arc;

use aws_sdk_elasticloadbalancingv2::types::ProtocolEnum;
use bytes::Bytes;
use http_body_util::Empty;
use hyper::{Request, client::conn::http1::handshake, header::HOST};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    },
};

use local_aws::load::{Aim, Load};

use crate::bench::{Bench, NAME, forward};

/// The status and version that a client gets that trusts `authority` (PEM) and asks for a host by name.
pub async fn get(
    bench: &Bench,
    port: u16,
    authority: &str,
    host: &str,
    headers: &[(&str, &str)],
) -> std::io::Result<(u16, hyper::HeaderMap)> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let stream = TcpStream::connect(bench.balancer.address(NAME, port).unwrap()).await?;
    let name = ServerName::try_from(host.to_owned()).unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    let (mut sender, driver) = handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(driver);
    let mut request = Request::get("/").header(HOST, host);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (head, _) = sender.send_request(request.body(Empty::<Bytes>::new()).unwrap()).await.unwrap().into_parts();
    Ok((head.status.as_u16(), head.headers))
}

#[tokio::test]
async fn any_host_is_served_to_clients_that_trust_the_authority() {
    let bench = Bench::start().await;
    let group = bench.group("a").await;
    let _app = bench.app(&group, "v1").await;
    bench.listener(443, ProtocolEnum::Https, [forward(&[(&group, 1)])]).await;
    bench.healthy(&group).await;
    let authority = bench.balancer.certificate_authority_pem();
    for host in ["shop.example.com", "localhost", "127.0.0.1"] {
        let (status, headers) = get(&bench, 443, &authority, host, &[]).await.unwrap();
        assert_eq!((status, headers["x-version"].to_str().unwrap()), (200, "v1"), "{host}");
    }
    let mut aim = Aim::at("live", bench.balancer.address(NAME, 443).unwrap());
    aim.authority = Some(authority);
    let load = Load::start(&[aim.clone(), Aim { name: "named".to_owned(), host: Some("www.example.com".to_owned()), ..aim }]);
    load.each_asked(2).await.unwrap();
    let report = load.stop().await.unwrap();
    assert!(report.versions("live")["v1"] > 1 && report.versions("named")["v1"] > 1);
    assert_eq!(report.failed(), 0);
    let other = Bench::start().await.balancer.certificate_authority_pem();
    assert!(get(&bench, 443, &other, "shop.example.com", &[]).await.is_err());
}
