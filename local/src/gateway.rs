//! API Gateway at home: HTTP in, an event for the function of the route, its answer out.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use domain::clock::{Clock, SystemClock};
use domain::image::StoredKey;
use functions::api::Api;
use http::header::{EXPECT, HeaderValue};
use http::request::Parts;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::cors::Cors;
use crate::event::{self, Arrival};
use crate::images::Images;
use crate::problem::Problem;
use crate::request_log::Colours;
use crate::router::{self, Match};
use crate::{reply, request_log};

/// API Gateway's quotas for HTTP APIs: request line and header values, and the body.
const MAX_HEAD_BYTES: usize = 10_240;
const MAX_BODY_BYTES: usize = 10 * 1024 * 1024;

const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a client may go on sending what nobody reads, so that it sees the answer.
const LINGER: Duration = Duration::from_secs(5);
/// How long requests may take to end once the server stops.
const GRACE: Duration = Duration::from_secs(5);

/// What answers requests.
pub(crate) struct Gateway {
    pub(crate) api: Arc<Api>,
    pub(crate) images: Images,
    pub(crate) cors: Cors,
    pub(crate) address: SocketAddr,
    /// Whether the routes are served, or pictures alone.
    pub(crate) routes: bool,
    /// Whether each request is a line on standard output, and how it looks.
    pub(crate) log: Option<Colours>,
}

/// What a request is for.
enum Target {
    Function { path: String, found: Match<'static> },
    Image(StoredKey),
}

impl Gateway {
    /// Serves until `stop` is sent or dropped; then ends what has begun, within a few seconds.
    pub(crate) async fn run(self: Arc<Self>, listener: TcpListener, stop: oneshot::Receiver<()>) {
        let graceful = GracefulShutdown::new();
        let mut connections = JoinSet::new();
        tokio::pin!(stop);
        loop {
            tokio::select! {
                _ = &mut stop => break,
                Some(_) = connections.join_next() => {}
                accepted = listener.accept() => match accepted {
                    Ok((stream, client)) => {
                        let gateway = Arc::clone(&self);
                        let watcher = graceful.watcher();
                        connections.spawn(async move {
                            let connection = gateway.connection(stream, client);
                            // It ends with an error when the client goes: nothing to tell anybody.
                            let _ = watcher.watch(connection).await;
                        });
                    }
                    // Out of file descriptors, most likely: some will be closed.
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                },
            }
        }
        drop(listener);
        let _ = timeout(GRACE, graceful.shutdown()).await;
    }

    fn connection(
        self: Arc<Self>,
        stream: TcpStream,
        client: SocketAddr,
    ) -> impl hyper_util::server::graceful::GracefulConnection<Error = hyper::Error> {
        let _ = stream.set_nodelay(true);
        let service = service_fn(move |request: Request<Incoming>| {
            let gateway = Arc::clone(&self);
            async move {
                let response = gateway.respond(request, client).await;
                Ok::<_, Infallible>(response.map(Full::new))
            }
        });
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .serve_connection(TokioIo::new(stream), service)
    }

    async fn respond(&self, request: Request<Incoming>, client: SocketAddr) -> Response<Bytes> {
        let started = Instant::now();
        let (parts, body) = request.into_parts();
        let response = self.answer(&parts, body, client).await;
        if let Some(colours) = self.log {
            request_log::write(colours, &parts, &response, started.elapsed());
        }
        response
    }

    /// The answer to one request, whatever it is.
    pub(crate) async fn answer<B>(
        &self,
        request: &Parts,
        mut body: B,
        client: SocketAddr,
    ) -> Response<Bytes>
    where
        B: Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: std::error::Error + Send + Sync,
    {
        let now = SystemClock.now();
        let arrival = Arrival::new(client, self.address, now);
        let answer = match self.cors.preflight(&request.method, &request.headers) {
            Some(answer) => Ok(answer),
            None => self.dispatch(request, &mut body, &arrival).await,
        };
        let is_timeout = matches!(answer, Err(Problem::SlowBody));
        // A client that asked first has not begun to send.
        if !body.is_end_stream() && !is_timeout && !request.headers.contains_key(EXPECT) {
            tokio::spawn(timeout(LINGER, discard(body)));
        }

        let mut response = answer.unwrap_or_else(Problem::response);
        self.cors.decorate(&request.headers, response.headers_mut());
        if let Ok(id) = HeaderValue::from_str(&arrival.request_id) {
            response.headers_mut().insert("apigw-requestid", id);
        }
        response
    }

    async fn dispatch<B>(
        &self,
        request: &Parts,
        body: &mut B,
        arrival: &Arrival,
    ) -> Result<Response<Bytes>, Problem>
    where
        B: Body<Data = Bytes> + Send + Unpin,
        B::Error: std::error::Error + Send + Sync + 'static,
    {
        match target(request)? {
            Target::Image(key) => {
                let images = &self.images;
                images.answer(&request.method, &key, &request.headers).await
            }
            Target::Function { .. } if !self.routes => Err(Problem::NoApi),
            Target::Function { path, found } => {
                let body = read(body).await?;
                let event = event::to_json(request, &body, &path, &found, arrival)?;
                drop(body);
                self.invoke(found.route.name, event).await
            }
        }
    }

    async fn invoke(
        &self,
        function: &'static str,
        event: String,
    ) -> Result<Response<Bytes>, Problem> {
        let api = Arc::clone(&self.api);
        let call = async move { api.watch(function, &event).await };
        let answer = to_its_end(function, call).await?;
        let (answer, outcome) = answer.ok_or(Problem::NoRoute)?;
        let mut response = reply::parse(&answer).map_err(|error| {
            let error: &dyn std::error::Error = &error;
            tracing::error!(function, error, "the answer cannot be passed on");
            Problem::Internal
        })?;
        response.extensions_mut().insert(outcome);
        Ok(response)
    }
}

/// The number of functions that run at a time: each may need the memory of a password hash or an image.
static CONCURRENCY: Semaphore = Semaphore::const_new(8);

/// A function runs to its end even when the client goes away, and its panic is its own, as in
/// Lambda. It has a thread of its own, so that hashing does not delay the I/O of others until that
/// times out.
async fn to_its_end<T: Send + 'static>(
    function: &str,
    call: impl Future<Output = T> + Send + 'static,
) -> Result<T, Problem> {
    let permit = CONCURRENCY.acquire().await;
    let runtime = Handle::current();
    let call = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        runtime.block_on(call)
    });
    call.await.map_err(|error| {
        tracing::error!(function, %error, "the function panicked");
        Problem::Internal
    })
}

fn target(request: &Parts) -> Result<Target, Problem> {
    if head_len(request) > MAX_HEAD_BYTES {
        return Err(Problem::HeadTooLarge);
    }
    let path = router::decode_path(request.uri.path())?;
    if let Some(key) = Images::key(&path) {
        return Ok(Target::Image(key?));
    }
    let found = router::find(&request.method, &path).ok_or(Problem::NoRoute)?;
    Ok(Target::Function { path, found })
}

fn head_len(request: &Parts) -> usize {
    let target = request.uri.path().len() + request.uri.query().map_or(0, |query| 1 + query.len());
    let line = request.method.as_str().len() + target + "  HTTP/1.1".len();
    let values = request.headers.values().map(HeaderValue::len);
    line + values.sum::<usize>()
}

/// The whole body, when it is no larger than API Gateway takes and comes in time.
async fn read<B>(body: &mut B) -> Result<Bytes, Problem>
where
    B: Body<Data = Bytes> + Send + Unpin,
    B::Error: std::error::Error + Send + Sync + 'static,
{
    let announced = usize::try_from(body.size_hint().lower());
    if announced.is_ok_and(|length| length > MAX_BODY_BYTES) {
        return Err(Problem::BodyTooLarge);
    }
    match timeout(BODY_TIMEOUT, Limited::new(body, MAX_BODY_BYTES).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Problem::BodyTooLarge),
        Ok(Err(_)) => Err(Problem::BadBody),
        Err(_) => Err(Problem::SlowBody),
    }
}

async fn discard<B: Body + Unpin>(mut body: B) {
    while let Some(Ok(_)) = body.frame().await {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_internal_error() {
        let panics = async { panic!("on purpose") };
        let answer: Result<(), _> = to_its_end("login", panics).await;
        assert_eq!(answer, Err(Problem::Internal));
    }

    /// A body that is never there.
    struct Never;

    impl Body for Never {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Infallible>>> {
            std::task::Poll::Pending
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_given_up() {
        assert_eq!(read(&mut Never).await, Err(Problem::SlowBody));
    }

    #[tokio::test]
    async fn a_body_holds_10_mb_and_not_a_byte_more() {
        let body = Bytes::from(vec![0; MAX_BODY_BYTES + 1]);
        let fits = body.slice(1..);
        assert_eq!(read(&mut Full::new(fits.clone())).await, Ok(fits));
        assert_eq!(read(&mut Full::new(body)).await, Err(Problem::BodyTooLarge));
    }

    fn parts(request: http::request::Builder) -> Parts {
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_head_holds_10_240_bytes_and_not_a_byte_more() {
        let head = |length: usize| parts(Request::get("/food").header("x", "a".repeat(length)));
        let fits = MAX_HEAD_BYTES - head_len(&head(0));
        assert!(target(&head(fits)).is_ok());
        assert!(matches!(
            target(&head(fits + 1)),
            Err(Problem::HeadTooLarge)
        ));
        let query = parts(Request::get(format!(
            "/food?{}",
            "a".repeat(MAX_HEAD_BYTES)
        )));
        assert!(matches!(target(&query), Err(Problem::HeadTooLarge)));
    }
}
