//! The HTTP connector of the AWS SDK: HTTP/1.1 over rustls, with a connection pool
//! (docs/decisions/0013-custom-http-connector.md).

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::ErrorKind;
use http::header::HOST;
use http::uri::PathAndQuery;
use http::{HeaderValue, Request, Uri};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::pool::{Connection, HttpConnectionPool, Origin};

/// Maximum time to open a connection: DNS lookup, TCP connect and TLS handshake together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

type BoxError = Box<dyn Error + Send + Sync>;

/// Sends requests over pooled connections. Clones share the pool.
#[derive(Clone)]
pub(super) struct PooledConnector {
    tls: TlsConnector,
    pub(super) pool: HttpConnectionPool,
}

impl PooledConnector {
    /// Creates a connector that trusts these root certificates. Opens no connection.
    pub(super) fn new(roots: RootCertStore) -> Result<Self, rustls::Error> {
        let config = ClientConfig::builder_with_provider(Arc::new(provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { tls: TlsConnector::from(Arc::new(config)), pool: HttpConnectionPool::default() })
    }

    /// Returns the connector as `http_client` of an SDK configuration.
    pub(super) fn client(&self) -> SharedHttpClient {
        let connector = SharedHttpConnector::new(self.clone());
        http_client_fn(move |_, _| connector.clone())
    }

    /// Opens a connection to this URL's origin in the background, unless the pool has one. Ignores an
    /// invalid URL. Requires a Tokio runtime.
    pub(super) fn preconnect(&self, url: &str) {
        let Some(origin) = url.parse().ok().and_then(|uri: Uri| Origin::of(&uri)) else {
            return;
        };
        let (connector, to) = (self.clone(), origin.clone());
        self.pool.open_if_absent(origin, || {
            Connection::Opening(tokio::spawn(async move { connector.connect(&to).await }))
        });
    }

    pub(super) async fn send(
        &self,
        mut request: Request<SdkBody>,
    ) -> Result<HttpResponse, ConnectorError> {
        let no_host = || ConnectorError::user("no host in the URI".into());
        let origin = Origin::of(request.uri()).ok_or_else(no_host)?;
        set_target(&mut request, &origin).map_err(|error| ConnectorError::user(error.into()))?;
        loop {
            let (mut connection, is_new) = self.connection(&origin).await?;
            match connection.try_send_request(request).await {
                Ok(response) => {
                    // After a server error the SDK's retry should reach another server.
                    if !response.status().is_server_error() {
                        self.pool.release(origin, connection);
                    }
                    return HttpResponse::try_from(response.map(SdkBody::from_body_1_x))
                        .map_err(|error| ConnectorError::other(error.into(), None));
                }
                Err(mut error) => match error.take_message() {
                    // The idle connection was closed before anything was sent.
                    Some(unsent) if !is_new => request = unsent,
                    _ => return Err(classify(error.into_error())),
                },
            }
        }
    }

    /// Returns a pooled connection or a new one, and whether it is new.
    async fn connection(
        &self,
        origin: &Origin,
    ) -> Result<(SendRequest<SdkBody>, bool), ConnectorError> {
        match self.pool.acquire(origin) {
            Some(Connection::Open(connection)) => return Ok((connection, false)),
            // Bounded by `CONNECT_TIMEOUT`; fails if its runtime has shut down.
            Some(Connection::Opening(opening)) => {
                if let Ok(Ok(connection)) = opening.await {
                    return Ok((connection, false));
                }
            }
            None => {}
        }
        Ok((self.connect(origin).await?, true))
    }

    async fn connect(&self, origin: &Origin) -> Result<SendRequest<SdkBody>, ConnectorError> {
        tokio::time::timeout(CONNECT_TIMEOUT, self.open(origin))
            .await
            .map_err(|elapsed| ConnectorError::timeout(elapsed.into()))?
            .map_err(ConnectorError::io)
    }

    async fn open(&self, origin: &Origin) -> Result<SendRequest<SdkBody>, BoxError> {
        // Only a URI puts a literal IPv6 address in brackets.
        let host = origin.authority.host();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = origin.authority.port_u16();
        let port = port.unwrap_or_else(|| origin.default_port());
        let stream = TcpStream::connect((host, port)).await?;
        stream.set_nodelay(true)?;
        let stream: Pin<Box<dyn Stream>> = if origin.is_tls {
            let name = ServerName::try_from(host.to_owned())?;
            Box::pin(self.tls.connect(name, stream).await?)
        } else {
            Box::pin(stream)
        };
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error = &error as &dyn Error, "connection broke");
            }
        });
        Ok(sender)
    }
}

impl std::fmt::Debug for PooledConnector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PooledConnector")
    }
}

impl HttpConnector for PooledConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let connector = self.clone();
        HttpConnectorFuture::new(async move {
            let request =
                request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            connector.send(request).await
        })
    }
}

/// A TCP or TLS stream: one type, so that hyper's client is compiled once.
trait Stream: AsyncRead + AsyncWrite + Send {}
impl<S: AsyncRead + AsyncWrite + Send> Stream for S {}

/// Makes the request target relative to its origin and adds the `Host` header (RFC 9112, section 3.2).
fn set_target(request: &mut Request<SdkBody>, origin: &Origin) -> Result<(), http::Error> {
    // The signature covers the header, without the scheme's default port.
    let authority = &origin.authority;
    let host = match authority.port_u16() {
        Some(port) if port == origin.default_port() => authority.host(),
        _ => authority.as_str(),
    };
    let host = HeaderValue::try_from(host)?;
    request.headers_mut().entry(HOST).or_insert(host);
    let path = std::mem::take(request.uri_mut()).into_parts().path_and_query;
    *request.uri_mut() = path.unwrap_or_else(|| PathAndQuery::from_static("/")).into();
    Ok(())
}

/// Maps an HTTP error to the kind of error by which the SDK decides whether to retry.
fn classify(error: hyper::Error) -> ConnectorError {
    let is_io = error.source().is_some_and(<dyn Error>::is::<io::Error>);
    if error.is_timeout() {
        ConnectorError::timeout(error.into())
    } else if error.is_user() {
        ConnectorError::user(error.into())
    } else if error.is_closed() || error.is_canceled() || is_io {
        ConnectorError::io(error.into())
    } else {
        // The server closed the connection instead of responding.
        let kind = error.is_incomplete_message().then_some(ErrorKind::TransientError);
        ConnectorError::other(error.into(), kind)
    }
}

/// Returns ring's crypto provider with AES-128 cipher suites first. They derive keys with SHA-256, for which
/// processors have instructions, unlike for SHA-384 of the AES-256 suites.
fn provider() -> CryptoProvider {
    use ring::cipher_suite::{
        TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        TLS13_AES_128_GCM_SHA256, TLS13_AES_256_GCM_SHA384,
    };
    CryptoProvider {
        cipher_suites: vec![
            TLS13_AES_128_GCM_SHA256,
            TLS13_AES_256_GCM_SHA384,
            TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
            TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
            TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
            TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        ],
        ..ring::default_provider()
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use crate::aws::test_server::{OK, TestServer, connector, get, request};

    use super::*;

    #[tokio::test]
    async fn http_request_has_relative_target_and_host_header() {
        let server = TestServer::start(|_| OK).await;
        let authority = server.url.trim_start_matches("http://");
        for (path, target) in [("/a/b?c=d", "/a/b?c=d"), ("", "/")] {
            let url = format!("{}{path}", server.url);
            request(&connector(), &url).await.unwrap();
            let head = server.requests.lock().unwrap().pop().unwrap();
            assert!(head.starts_with(&format!("GET {target} HTTP/1.1\r\n")));
            assert!(head.contains(&format!("host: {authority}\r\n")));
        }
        for (url, host) in [
            ("https://aws.example:443/", "aws.example"),
            ("http://aws.example:80/", "aws.example"),
            ("https://aws.example:80/", "aws.example:80"),
            ("http://[::1]:8000/", "[::1]:8000"),
            ("https://aws.example", "aws.example"),
        ] {
            let mut request = get(url);
            let origin = Origin::of(request.uri()).unwrap();
            set_target(&mut request, &origin).unwrap();
            assert_eq!(request.headers()[HOST], host, "{url}");
        }
        let without_host = connector().send(get("/only/a/path")).await;
        assert!(without_host.unwrap_err().is_user());
    }

    #[tokio::test]
    async fn request_on_broken_connection_fails_with_retryable_error() {
        for responses in [0, 1] {
            let respond = move |index| if index < responses { OK } else { b"" };
            let server = TestServer::start(respond).await;
            let connector = connector();
            for _ in 0..responses {
                request(&connector, &server.url).await.unwrap();
            }
            let error = request(&connector, &server.url).await.unwrap_err();
            let is_transient = error.as_other() == Some(ErrorKind::TransientError);
            assert!(is_transient || error.is_io(), "{error:?}");
        }
    }

    #[tokio::test]
    async fn request_to_unreachable_server_fails_with_io_error() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        for url in [&url, "https://host.invalid"] {
            let connector = connector();
            connector.preconnect(url);
            assert!(request(&connector, url).await.unwrap_err().is_io());
            let origin = Origin::of(&url.parse().unwrap()).unwrap();
            assert!(connector.pool.acquire(&origin).is_none());
        }
    }

    #[tokio::test]
    async fn request_to_silent_server_times_out() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        assert!(request(&connector(), &url).await.unwrap_err().is_timeout());
    }

    #[tokio::test]
    async fn only_trusted_server_certificates_are_accepted() {
        let server = TestServer::start(|_| OK).await;
        let url = engines::tls::terminate(&server.url).unwrap();
        assert_eq!(request(&connector(), &url).await.unwrap(), "ok");
        let wrong_host = url.replace("localhost", "127.0.0.1");
        assert!(request(&connector(), &wrong_host).await.unwrap_err().is_io());

        let mut amazon = RootCertStore::empty();
        for root in crate::aws::AMAZON_ROOTS {
            amazon.add(root.into()).unwrap();
        }
        let without_test_root = PooledConnector::new(amazon).unwrap();
        let error = request(&without_test_root, &url).await.unwrap_err();
        assert!(error.is_io());
    }
}
