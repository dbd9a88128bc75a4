//! An HTTP server on a free port, for fakes and proxies.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// A running HTTP server. Dropping the value closes all connections.
pub struct Server {
    /// The address of the server as `host:port`.
    pub address: String,
    connections: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Server {
    /// Starts a server that handles every request with `respond`; an `Err` closes the connection.
    pub async fn start<F>(respond: impl Fn(Request<Bytes>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = io::Result<Response<Full<Bytes>>>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        let connections = Arc::<AtomicUsize>::default();
        let (respond, accepted) = (Arc::new(respond), Arc::clone(&connections));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                accepted.fetch_add(1, Ordering::SeqCst);
                stream.set_nodelay(true).expect("a connection");
                let respond = Arc::clone(&respond);
                let service = service_fn(move |request: Request<Incoming>| {
                    let respond = Arc::clone(&respond);
                    async move {
                        let (parts, body) = request.into_parts();
                        let body = body.collect().await.map_err(io::Error::other)?;
                        respond(Request::from_parts(parts, body.to_bytes())).await
                    }
                });
                let connection = http1::Builder::new();
                open.spawn(connection.serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { address, connections, _tasks: tasks }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the number of connections that the server has accepted so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// Creates a response with this status and body.
pub fn response(status: u16, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let response = Response::builder().status(status);
    response.body(Full::new(body.into())).expect("a status")
}
