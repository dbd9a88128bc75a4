//! A TLS 1.3 proxy in front of an engine, with a chain of RSA certificates like those of AWS.

use std::error::Error;
use std::io;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::server::Server;

/// The self-signed root certificate in PEM, which clients of the proxy must trust.
pub const ROOT: &str = include_str!("tls/root.pem");
const CHAIN: &[u8] = include_bytes!("tls/chain.pem");
const KEY: &[u8] = include_bytes!("tls/key.pem");

/// Starts a TLS proxy to the server at `url` (`http://<host>:<port>`) that runs until the process ends.
/// Returns the `https://` URL of the proxy.
pub fn terminate(url: &str) -> Result<String, Box<dyn Error + Send + Sync>> {
    let chain = CertificateDer::pem_slice_iter(CHAIN).collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_slice(KEY)?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let upstream = Arc::from(url.strip_prefix("http://").ok_or("not an http:// URL")?);
    let server = Server::start("tls", |listener, _| serve(listener, acceptor, upstream))?;
    let server = Box::leak(Box::new(server));
    // A host name, because name resolution is part of every cold start.
    Ok(server.url().replace("http://127.0.0.1", "https://localhost"))
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, upstream: Arc<str>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, upstream) = (acceptor.clone(), Arc::clone(&upstream));
        // An error is a client that ended without closing its connection.
        tokio::spawn(async move { forward(&acceptor, stream, &upstream).await.ok() });
    }
}

async fn forward(acceptor: &TlsAcceptor, stream: TcpStream, upstream: &str) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut upstream, mut stream) =
        tokio::try_join!(TcpStream::connect(upstream), acceptor.accept(stream))?;
    upstream.set_nodelay(true)?;
    copy_bidirectional(&mut stream, &mut upstream).await?;
    Ok(())
}
