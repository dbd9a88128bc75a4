//! Idle HTTP connections, reused by later requests to the same origin.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use http::Uri;
use http::uri::{Authority, Scheme};
use hyper::client::conn::http1::SendRequest;
use tokio::task::JoinHandle;

/// Maximum age of an idle connection. Lambda freezes a function between events, and a server or NAT gateway
/// drops an older connection without notice.
const MAX_IDLE: Duration = Duration::from_mins(1);
/// Maximum number of idle connections: a full pool closes the oldest. A function uses one or two for each AWS
/// service, the local server as many as it has concurrent requests.
const MAX_IDLE_CONNECTIONS: usize = 64;

/// Scheme, host and port of a URL.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) is_tls: bool,
    pub(super) authority: Authority,
}

impl Origin {
    /// Returns the origin of a URI; `None` if the URI has no host.
    pub(super) fn of(uri: &Uri) -> Option<Self> {
        Some(Self {
            is_tls: uri.scheme() != Some(&Scheme::HTTP),
            authority: uri.authority()?.clone(),
        })
    }

    pub(super) fn default_port(&self) -> u16 {
        if self.is_tls { 443 } else { 80 }
    }
}

/// An HTTP connection that is open or being opened.
pub(super) enum Connection {
    /// An open connection, ready for a request once its last response body is read.
    Open(SendRequest<SdkBody>),
    Opening(JoinHandle<Result<SendRequest<SdkBody>, ConnectorError>>),
}

struct PooledConnection {
    origin: Origin,
    connection: Connection,
    since: Instant,
}

impl PooledConnection {
    fn new(origin: Origin, connection: Connection) -> Self {
        Self { origin, connection, since: Instant::now() }
    }
}

/// The pool: idle connections, the oldest first. Clones share them.
#[derive(Clone, Default)]
pub(super) struct HttpConnectionPool(Arc<Mutex<Vec<PooledConnection>>>);

impl HttpConnectionPool {
    /// Adds the connection that `open` returns, unless the pool has one to this origin.
    pub(super) fn open_if_absent(&self, origin: Origin, open: impl FnOnce() -> Connection) {
        let mut idle = self.idle(Instant::now());
        if !idle.iter().any(|pooled| pooled.origin == origin) {
            idle.push(PooledConnection::new(origin, open()));
        }
    }

    /// Removes and returns the newest connection to this origin that can take a request; `None` without one.
    pub(super) fn acquire(&self, origin: &Origin) -> Option<Connection> {
        let mut idle = self.idle(Instant::now());
        let is_usable = |pooled: &PooledConnection| match &pooled.connection {
            Connection::Open(connection) => connection.is_ready() && pooled.origin == *origin,
            Connection::Opening(_) => pooled.origin == *origin,
        };
        let newest = idle.iter().rposition(is_usable)?;
        Some(idle.remove(newest).connection)
    }

    /// Puts a connection back into the pool. The body of its last response may still be unread.
    pub(super) fn release(&self, origin: Origin, connection: SendRequest<SdkBody>) {
        let mut idle = self.idle(Instant::now());
        if idle.len() == MAX_IDLE_CONNECTIONS {
            idle.remove(0);
        }
        idle.push(PooledConnection::new(origin, Connection::Open(connection)));
    }

    /// Drops connections that are closed or older than [`MAX_IDLE`], and returns the others.
    fn idle(&self, now: Instant) -> MutexGuard<'_, Vec<PooledConnection>> {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|pooled| {
            let is_closed = match &pooled.connection {
                Connection::Open(connection) => connection.is_closed(),
                Connection::Opening(_) => false,
            };
            !is_closed && now.duration_since(pooled.since) < MAX_IDLE
        });
        idle
    }
}

#[cfg(test)]
mod tests {
    use crate::aws::test_server::{HALF, OK, TestServer, connector, get, read, request};

    use super::*;

    #[tokio::test]
    async fn sequential_requests_share_one_connection() {
        let server = TestServer::start(|_| OK).await;
        let connector = connector();
        connector.preconnect("no URL");
        connector.preconnect("/only/a/path");
        for _ in 0..3 {
            connector.preconnect(&server.url);
            assert_eq!(request(&connector, &server.url).await.unwrap(), "ok");
        }
        assert_eq!(server.connections(), 1);
    }

    #[tokio::test]
    async fn concurrent_requests_use_separate_connections() {
        let server = TestServer::start(|_| OK).await;
        let connector = connector();
        for _ in 0..3 {
            // The second request is sent before the first response is read.
            let first = connector.send(get(&server.url)).await.unwrap();
            let (second, first) = tokio::join!(request(&connector, &server.url), read(first));
            assert_eq!((first, second.unwrap()), ("ok".to_owned(), "ok".to_owned()));
        }
        assert!(server.connections() <= 2, "{}", server.connections());
    }

    #[tokio::test]
    async fn http_connection_is_replaced_when_closed_or_after_a_5xx() {
        for response in [
            &b"HTTP/1.1 200 Bye\r\ncontent-length: 2\r\n\r\nok"[..],
            b"HTTP/1.1 503 No\r\ncontent-length: 2\r\n\r\nok",
        ] {
            let server = TestServer::start(move |_| response).await;
            let connector = connector();
            for number in 1..4 {
                assert_eq!(request(&connector, &server.url).await.unwrap(), "ok");
                assert_eq!(server.connections(), number);
                while !connector.pool.idle(Instant::now()).is_empty() {
                    tokio::task::yield_now().await;
                }
            }
        }
    }

    #[tokio::test]
    async fn idle_connection_expires_after_a_minute() {
        let server = TestServer::start(|_| OK).await;
        let connector = connector();
        request(&connector, &server.url).await.unwrap();
        let now = Instant::now();
        assert_eq!(connector.pool.idle(now).len(), 1);
        assert!(connector.pool.idle(now + MAX_IDLE).is_empty());
        // A preconnected one as well.
        connector.preconnect(&server.url);
        let later = Instant::now() + MAX_IDLE;
        assert!(connector.pool.idle(later).is_empty());
    }

    #[tokio::test]
    async fn full_connection_pool_closes_its_oldest_connection() {
        let server = TestServer::start(|_| HALF).await;
        let connector = connector();
        let mut unread = Vec::new();
        for _ in 0..=MAX_IDLE_CONNECTIONS {
            unread.push(connector.send(get(&server.url)).await.unwrap());
        }
        assert_eq!(server.connections(), MAX_IDLE_CONNECTIONS + 1);
        let idle = connector.pool.idle(Instant::now());
        assert_eq!(idle.len(), MAX_IDLE_CONNECTIONS);
    }
}
