//! TLS before an engine: version 1.3, and a chain of RSA certificates of the kind that AWS has.

use std::error::Error;
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::thread;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio_rustls::TlsAcceptor;

/// The root to trust, in PEM.
pub const ROOT: &str = include_str!("tls/root.pem");
const CHAIN: &[u8] = include_bytes!("tls/chain.pem");
const KEY: &[u8] = include_bytes!("tls/key.pem");

/// Listens before the server at `url` (`http://<address>`), and says under which URL. On a thread of
/// its own, for as long as the process lives: signing takes a millisecond, for which nobody else
/// should wait.
pub fn terminate(url: &str) -> Result<String, Box<dyn Error + Send + Sync>> {
    let chain = CertificateDer::pem_slice_iter(CHAIN).collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_slice(KEY)?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let upstream = url.strip_prefix("http://").ok_or("no http URL")?.to_owned();
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    // By name: looking it up is a part of every start.
    let url = format!("https://localhost:{}", listener.local_addr()?.port());
    let runtime = Builder::new_current_thread().enable_all().build()?;
    thread::spawn(move || runtime.block_on(serve(listener, acceptor, upstream.into())));
    Ok(url)
}

async fn serve(
    listener: std::net::TcpListener,
    acceptor: TlsAcceptor,
    upstream: Arc<str>,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        let (acceptor, upstream) = (acceptor.clone(), Arc::clone(&upstream));
        // It fails whenever a program is ended that keeps its connection.
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
