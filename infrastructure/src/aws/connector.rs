//! What the AWS SDK sends its requests over: HTTP/1.1 on rustls, and nothing that a function has no
//! use for (docs/decisions/0003-lean-aws-clients.md). Connections are idle, and used again.

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::ErrorKind;
use http::header::HOST;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Request, Uri};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

/// To look up the name, to connect and to shake hands.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Nobody may be at the other end of an older one: a function is frozen between events, and neither the
/// server nor what is on the way tells it that they gave the connection up.
const MAX_IDLE: Duration = Duration::from_mins(1);
/// Of more the oldest is closed. A function has one or two for each service; `local` has as many as
/// callers.
const MAX_IDLE_CONNECTIONS: usize = 64;

type BoxError = Box<dyn Error + Send + Sync>;

/// Connections to the endpoints of AWS.
#[derive(Clone)]
pub(crate) struct HttpConnectionPool {
    tls: TlsConnector,
    idle: Arc<Mutex<Vec<PooledConnection>>>,
}

/// A connection for the next request to this origin.
struct PooledConnection {
    origin: Origin,
    connection: Connection,
    since: Instant,
}

enum Connection {
    /// Waits for a request as soon as its last answer is read.
    Open(SendRequest<SdkBody>),
    Opening(JoinHandle<Result<SendRequest<SdkBody>, ConnectorError>>),
}

/// Whom a connection is to.
#[derive(Clone, PartialEq, Eq)]
struct Origin {
    is_tls: bool,
    authority: Authority,
}

impl HttpConnectionPool {
    /// Trusts these roots. Connects to nothing yet.
    pub(crate) fn new(roots: RootCertStore) -> Result<Self, rustls::Error> {
        let config = ClientConfig::builder_with_provider(Arc::new(provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self {
            tls: TlsConnector::from(Arc::new(config)),
            idle: Arc::default(),
        })
    }

    /// For the configuration of an SDK client.
    pub(crate) fn client(&self) -> SharedHttpClient {
        let connector = SharedHttpConnector::new(self.clone());
        http_client_fn(move |_, _| connector.clone())
    }

    /// Begins to connect, so that the next request to this URL's origin need not wait for it. Where a
    /// connection is idle, there is nothing to do.
    pub(crate) fn preconnect(&self, url: &str) {
        let Some(origin) = url.parse().ok().and_then(|uri: Uri| Origin::of(&uri)) else {
            return;
        };
        let since = Instant::now();
        let mut idle = self.idle(since);
        if idle.iter().any(|idle| idle.origin == origin) {
            return;
        }
        let (https, to) = (self.clone(), origin.clone());
        let opening = tokio::spawn(async move { https.connect(&to).await });
        let connection = Connection::Opening(opening);
        idle.push(PooledConnection {
            origin,
            connection,
            since,
        });
    }

    async fn send(&self, mut request: Request<SdkBody>) -> Result<HttpResponse, ConnectorError> {
        let no_host = || ConnectorError::user("no host in the URI".into());
        let origin = Origin::of(request.uri()).ok_or_else(no_host)?;
        address(&mut request, &origin).map_err(|error| ConnectorError::user(error.into()))?;
        loop {
            let (mut connection, is_new) = self.connection(&origin).await?;
            match connection.try_send_request(request).await {
                Ok(response) => {
                    // After a server error the next attempt should meet another server.
                    if !response.status().is_server_error() {
                        self.release(origin, connection);
                    }
                    return HttpResponse::try_from(response.map(SdkBody::from_body_1_x))
                        .map_err(|error| ConnectorError::other(error.into(), None));
                }
                Err(mut error) => match error.take_message() {
                    // The connection had ended before anything was sent.
                    Some(unsent) if !is_new => request = unsent,
                    _ => return Err(classify(error.into_error())),
                },
            }
        }
    }

    /// One that is idle, or a new one.
    async fn connection(
        &self,
        origin: &Origin,
    ) -> Result<(SendRequest<SdkBody>, bool), ConnectorError> {
        match self.take(origin) {
            Some(Connection::Open(connection)) => return Ok((connection, false)),
            // It ends in time: by itself, or because its runtime is no more.
            Some(Connection::Opening(opening)) => {
                if let Ok(Ok(connection)) = opening.await {
                    return Ok((connection, false));
                }
            }
            None => {}
        }
        Ok((self.connect(origin).await?, true))
    }

    fn take(&self, origin: &Origin) -> Option<Connection> {
        let mut idle = self.idle(Instant::now());
        let waits = |idle: &PooledConnection| match &idle.connection {
            Connection::Open(connection) => connection.is_ready() && idle.origin == *origin,
            Connection::Opening(_) => idle.origin == *origin,
        };
        // The youngest.
        let found = idle.iter().rposition(waits)?;
        Some(idle.remove(found).connection)
    }

    fn release(&self, origin: Origin, connection: SendRequest<SdkBody>) {
        let since = Instant::now();
        let mut idle = self.idle(since);
        if idle.len() == MAX_IDLE_CONNECTIONS {
            idle.remove(0);
        }
        let connection = Connection::Open(connection);
        idle.push(PooledConnection {
            origin,
            connection,
            since,
        });
    }

    /// Without those that have ended or are too old.
    fn idle(&self, now: Instant) -> MutexGuard<'_, Vec<PooledConnection>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|idle| {
            let has_ended = match &idle.connection {
                Connection::Open(connection) => connection.is_closed(),
                Connection::Opening(_) => false,
            };
            !has_ended && now.duration_since(idle.since) < MAX_IDLE
        });
        idle
    }

    async fn connect(&self, origin: &Origin) -> Result<SendRequest<SdkBody>, ConnectorError> {
        tokio::time::timeout(CONNECT_TIMEOUT, self.open(origin))
            .await
            .map_err(|elapsed| ConnectorError::timeout(elapsed.into()))?
            .map_err(ConnectorError::io)
    }

    async fn open(&self, origin: &Origin) -> Result<SendRequest<SdkBody>, BoxError> {
        // A literal IPv6 address has brackets in a URI only.
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

impl std::fmt::Debug for HttpConnectionPool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HttpConnectionPool")
    }
}

impl HttpConnector for HttpConnectionPool {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let https = self.clone();
        HttpConnectorFuture::new(async move {
            let request = request
                .try_into_http1x()
                .map_err(|error| ConnectorError::user(error.into()))?;
            https.send(request).await
        })
    }
}

/// TCP, with TLS or without: one type, so that HTTP is compiled once.
trait Stream: AsyncRead + AsyncWrite + Send {}
impl<S: AsyncRead + AsyncWrite + Send> Stream for S {}

impl Origin {
    fn of(uri: &Uri) -> Option<Self> {
        Some(Self {
            is_tls: uri.scheme() != Some(&Scheme::HTTP),
            authority: uri.authority()?.clone(),
        })
    }

    fn default_port(&self) -> u16 {
        if self.is_tls { 443 } else { 80 }
    }
}

/// Makes the request's target relative to its origin, and names the host in a header (RFC 9112,
/// section 3.2).
fn address(request: &mut Request<SdkBody>, origin: &Origin) -> Result<(), http::Error> {
    // As it is signed: without the port that its scheme has anyway.
    let authority = &origin.authority;
    let host = match authority.port_u16() {
        Some(port) if port == origin.default_port() => authority.host(),
        _ => authority.as_str(),
    };
    let host = HeaderValue::try_from(host)?;
    request.headers_mut().entry(HOST).or_insert(host);
    let path = std::mem::take(request.uri_mut())
        .into_parts()
        .path_and_query;
    *request.uri_mut() = path
        .unwrap_or_else(|| PathAndQuery::from_static("/"))
        .into();
    Ok(())
}

/// Which failures the SDK may try again is said by what they are.
fn classify(error: hyper::Error) -> ConnectorError {
    let is_io = error.source().is_some_and(<dyn Error>::is::<io::Error>);
    if error.is_timeout() {
        ConnectorError::timeout(error.into())
    } else if error.is_user() {
        ConnectorError::user(error.into())
    } else if error.is_closed() || error.is_canceled() || is_io {
        ConnectorError::io(error.into())
    } else {
        // The server closed the connection instead of answering.
        let kind = error
            .is_incomplete_message()
            .then_some(ErrorKind::TransientError);
        ConnectorError::other(error.into(), kind)
    }
}

/// What ring has, with the cheapest suite first: its keys are derived with SHA-256, for which
/// processors have instructions, and not with SHA-384.
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
    use std::sync::atomic::{AtomicUsize, Ordering};

    use http_body_util::BodyExt as _;
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
    use tokio::net::TcpListener;

    use super::*;

    /// The rest never comes.
    const HALF: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf";
    const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

    /// A server that answers each request as it is told, and tells what it was asked.
    struct Server {
        url: String,
        connections: Arc<AtomicUsize>,
        requests: Arc<Mutex<Vec<String>>>,
    }

    impl Server {
        /// `answer` is given which request of its connection it is. With nothing to say, or after
        /// `connection: close`, the server hangs up.
        async fn start(answer: impl Fn(usize) -> &'static [u8] + Send + Copy + 'static) -> Self {
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
                        for number in 0.. {
                            let mut head = String::new();
                            while !head.ends_with("\r\n\r\n") {
                                if stream.read_line(&mut head).await.unwrap_or_default() == 0 {
                                    return;
                                }
                            }
                            requests.lock().unwrap().push(head);
                            let answer = answer(number);
                            let _ = stream.write_all(answer).await;
                            if answer.is_empty() || answer.starts_with(b"HTTP/1.1 200 Bye") {
                                return;
                            }
                        }
                    });
                }
            });
            server
        }

        fn connections(&self) -> usize {
            self.connections.load(Ordering::SeqCst)
        }
    }

    fn https() -> HttpConnectionPool {
        let root = CertificateDer::from_pem_slice(engines::tls::ROOT.as_bytes()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(root).unwrap();
        HttpConnectionPool::new(roots).unwrap()
    }

    fn get(url: &str) -> Request<SdkBody> {
        Request::get(url).body(SdkBody::empty()).unwrap()
    }

    async fn text(response: HttpResponse) -> String {
        let body = response.into_body().collect().await.unwrap();
        String::from_utf8(body.to_bytes().to_vec()).unwrap()
    }

    async fn ask(https: &HttpConnectionPool, url: &str) -> Result<String, ConnectorError> {
        Ok(text(https.send(get(url)).await?).await)
    }

    #[tokio::test]
    async fn sequential_requests_share_one_connection() {
        let server = Server::start(|_| OK).await;
        let https = https();
        https.preconnect("no URL");
        https.preconnect("/only/a/path");
        for _ in 0..3 {
            https.preconnect(&server.url);
            assert_eq!(ask(&https, &server.url).await.unwrap(), "ok");
        }
        assert_eq!(server.connections(), 1);
    }

    #[tokio::test]
    async fn concurrent_requests_have_a_connection_each() {
        let server = Server::start(|_| OK).await;
        let https = https();
        for _ in 0..3 {
            // The first response is not read yet while the second request is sent.
            let first = https.send(get(&server.url)).await.unwrap();
            let (second, third) =
                tokio::join!(ask(&https, &server.url), async { text(first).await });
            assert_eq!((second.unwrap(), third), ("ok".to_owned(), "ok".to_owned()));
        }
        assert!(server.connections() <= 2, "{}", server.connections());
    }

    #[tokio::test]
    async fn request_has_a_relative_target_and_a_host() {
        let server = Server::start(|_| OK).await;
        let authority = server.url.trim_start_matches("http://");
        for (path, target) in [("/a/b?c=d", "/a/b?c=d"), ("", "/")] {
            let url = format!("{}{path}", server.url);
            ask(&https(), &url).await.unwrap();
            let request = server.requests.lock().unwrap().pop().unwrap();
            assert!(request.starts_with(&format!("GET {target} HTTP/1.1\r\n")));
            assert!(request.contains(&format!("host: {authority}\r\n")));
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
            address(&mut request, &origin).unwrap();
            assert_eq!(request.headers()[HOST], host, "{url}");
        }
        let without_host = https().send(get("/only/a/path")).await;
        assert!(without_host.unwrap_err().is_user());
    }

    #[tokio::test]
    async fn connection_is_replaced_when_closed_or_after_a_5xx() {
        for response in [
            &b"HTTP/1.1 200 Bye\r\ncontent-length: 2\r\n\r\nok"[..],
            b"HTTP/1.1 503 No\r\ncontent-length: 2\r\n\r\nok",
        ] {
            let server = Server::start(move |_| response).await;
            let https = https();
            for number in 1..4 {
                assert_eq!(ask(&https, &server.url).await.unwrap(), "ok");
                assert_eq!(server.connections(), number);
                while !https.idle(Instant::now()).is_empty() {
                    tokio::task::yield_now().await;
                }
            }
        }
    }

    #[tokio::test]
    async fn idle_connection_expires() {
        let server = Server::start(|_| OK).await;
        let https = https();
        ask(&https, &server.url).await.unwrap();
        let now = Instant::now();
        assert_eq!(https.idle(now).len(), 1);
        assert!(https.idle(now + MAX_IDLE).is_empty());
        // One that was prepared as well.
        https.preconnect(&server.url);
        assert!(https.idle(Instant::now() + MAX_IDLE).is_empty());
    }

    #[tokio::test]
    async fn only_the_newest_connections_are_kept() {
        let server = Server::start(|_| HALF).await;
        let https = https();
        let mut unread = Vec::new();
        for _ in 0..=MAX_IDLE_CONNECTIONS {
            unread.push(https.send(get(&server.url)).await.unwrap());
        }
        assert_eq!(server.connections(), MAX_IDLE_CONNECTIONS + 1);
        assert_eq!(https.idle(Instant::now()).len(), MAX_IDLE_CONNECTIONS);
    }

    #[tokio::test]
    async fn broken_connection_is_a_retryable_error() {
        for responses in [0, 1] {
            let server =
                Server::start(move |number| if number < responses { OK } else { b"" }).await;
            let https = https();
            for _ in 0..responses {
                ask(&https, &server.url).await.unwrap();
            }
            let error = ask(&https, &server.url).await.unwrap_err();
            let is_transient = error.as_other() == Some(ErrorKind::TransientError);
            assert!(is_transient || error.is_io(), "{error:?}");
        }
    }

    #[tokio::test]
    async fn unreachable_server_is_an_io_error() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        for url in [&url, "https://nobody.invalid"] {
            let https = https();
            https.preconnect(url);
            assert!(ask(&https, url).await.unwrap_err().is_io());
            assert!(https.idle(Instant::now()).is_empty());
        }
    }

    #[tokio::test]
    async fn silent_server_times_out() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        assert!(ask(&https(), &url).await.unwrap_err().is_timeout());
    }

    #[tokio::test]
    async fn only_trusted_certificates_are_accepted() {
        let server = Server::start(|_| OK).await;
        let url = engines::tls::terminate(&server.url).unwrap();
        assert_eq!(ask(&https(), &url).await.unwrap(), "ok");
        let of_another_name = url.replace("localhost", "127.0.0.1");
        assert!(ask(&https(), &of_another_name).await.unwrap_err().is_io());

        let mut amazon = RootCertStore::empty();
        for root in crate::aws::AMAZON_ROOTS {
            amazon.add(root.into()).unwrap();
        }
        let distrusting = HttpConnectionPool::new(amazon).unwrap();
        assert!(ask(&distrusting, &url).await.unwrap_err().is_io());
    }
}
