//! An HTTP/1.1 server with fixed responses, for tests of the connector and its pool.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use http::Request;
use http_body_util::BodyExt as _;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;

use super::connector::PooledConnector;

pub(super) const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
/// A response whose body never completes.
pub(super) const HALF: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf";

/// A server that counts connections and records the head of each request.
pub(super) struct TestServer {
    pub(super) url: String,
    connections: Arc<AtomicUsize>,
    pub(super) requests: Arc<Mutex<Vec<String>>>,
}

impl TestServer {
    /// Starts a server that sends `respond(index)` to the request with this index on its connection. It closes the
    /// connection after an empty response or a `200 Bye`.
    pub(super) async fn start(
        respond: impl Fn(usize) -> &'static [u8] + Send + Copy + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            connections: Arc::default(),
            requests: Arc::default(),
        };
        let connections = Arc::clone(&server.connections);
        let requests = Arc::clone(&server.requests);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                let requests = Arc::clone(&requests);
                tokio::spawn(async move {
                    let mut stream = BufReader::new(stream);
                    for index in 0.. {
                        let mut head = String::new();
                        while !head.ends_with("\r\n\r\n") {
                            if stream.read_line(&mut head).await.unwrap_or_default() == 0 {
                                return;
                            }
                        }
                        requests.lock().unwrap().push(head);
                        let response = respond(index);
                        let _ = stream.write_all(response).await;
                        if response.is_empty() || response.starts_with(b"HTTP/1.1 200 Bye") {
                            return;
                        }
                    }
                });
            }
        });
        server
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// Returns a connector that trusts the certificate authority of the crate `engines`.
pub(super) fn connector() -> PooledConnector {
    let root = CertificateDer::from_pem_slice(engines::tls::ROOT.as_bytes()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(root).unwrap();
    PooledConnector::new(roots).unwrap()
}

pub(super) fn get(url: &str) -> Request<SdkBody> {
    Request::get(url).body(SdkBody::empty()).unwrap()
}

/// Reads the body of a response as text.
pub(super) async fn read(response: HttpResponse) -> String {
    let body = response.into_body().collect().await.unwrap();
    String::from_utf8(body.to_bytes().to_vec()).unwrap()
}

/// Sends a GET request and returns the body of its response.
pub(super) async fn request(
    connector: &PooledConnector,
    url: &str,
) -> Result<String, ConnectorError> {
    Ok(read(connector.send(get(url)).await?).await)
}
