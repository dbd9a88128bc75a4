//! The stand-in for the Lambda Runtime API
//! (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>).

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime};

use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};

use crate::Error;
use crate::usage::Usage;

const NEXT: &str = "/2018-06-01/runtime/invocation/next";
/// How long an invocation may take, as the function is told.
const TIME_LIMIT: Duration = Duration::from_mins(10);

/// What a function did.
pub(crate) enum Step {
    /// It asked for the next event.
    Polled(Instant),
    /// It answered, or said that it failed.
    Answered {
        at: Instant,
        path: String,
        body: Bytes,
        usage: Option<Usage>,
    },
}

/// One function's Runtime API.
pub(crate) struct RuntimeApi {
    pub(crate) address: String,
    pub(crate) events: mpsc::UnboundedSender<String>,
    pub(crate) steps: mpsc::UnboundedReceiver<Step>,
    /// Of the function, once it has one.
    pub(crate) process: Arc<OnceLock<u32>>,
}

struct State {
    events: Mutex<mpsc::UnboundedReceiver<String>>,
    steps: mpsc::UnboundedSender<Step>,
    process: Arc<OnceLock<u32>>,
    deadline: String,
}

impl RuntimeApi {
    pub(crate) async fn listen() -> Result<Self, Error> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?.to_string();
        let (events, waiting) = mpsc::unbounded_channel();
        let (done, steps) = mpsc::unbounded_channel();
        let process = Arc::new(OnceLock::new());
        #[expect(
            clippy::disallowed_methods,
            reason = "the clock of the domain is for its rules"
        )]
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
        let state = Arc::new(State {
            events: Mutex::new(waiting),
            steps: done,
            process: Arc::clone(&process),
            deadline: (now + TIME_LIMIT).as_millis().to_string(),
        });
        tokio::spawn(serve(listener, state));
        Ok(Self {
            address,
            events,
            steps,
            process,
        })
    }
}

async fn serve(listener: TcpListener, state: Arc<State>) {
    // Until nobody waits for steps any more.
    while let Some(Ok((stream, _))) = tokio::select! {
        accepted = listener.accept() => Some(accepted),
        () = state.steps.closed() => None,
    } {
        let _ = stream.set_nodelay(true);
        let state = Arc::clone(&state);
        let service = service_fn(move |request| {
            let state = Arc::clone(&state);
            async move { Ok::<_, Infallible>(state.answer(request).await) }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service);
        tokio::spawn(connection);
    }
}

impl State {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        if request.uri().path() == NEXT {
            // Nobody waits any more when the measurement is over.
            let _ = self.steps.send(Step::Polled(Instant::now()));
            return match self.events.lock().await.recv().await {
                Some(event) => self.event(event),
                None => status(500),
            };
        }
        let path = request.uri().path().to_owned();
        let Ok(body) = request.into_body().collect().await else {
            return status(400);
        };
        let at = Instant::now();
        // Before the function is told to go on: it waits, so nothing is added meanwhile.
        let usage = self.process.get().and_then(|id| Usage::of(*id).ok());
        let body = body.to_bytes();
        let _ = self.steps.send(Step::Answered {
            at,
            path,
            body,
            usage,
        });
        status(202)
    }

    fn event(&self, event: String) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::from(event));
        let headers = response.headers_mut();
        for (name, value) in [
            ("content-type", "application/json"),
            (
                "lambda-runtime-aws-request-id",
                "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
            ),
            (
                "lambda-runtime-invoked-function-arn",
                "arn:aws:lambda:us-east-1:123456789012:function:measured",
            ),
            (
                "lambda-runtime-trace-id",
                "Root=1-6a13f5b0-0123456789abcdef01234567;Parent=0123456789abcdef;Sampled=0",
            ),
        ] {
            headers.insert(name, http::HeaderValue::from_static(value));
        }
        if let Ok(deadline) = self.deadline.parse() {
            headers.insert("lambda-runtime-deadline-ms", deadline);
        }
        response
    }
}

fn status(status: u16) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
    response
}
