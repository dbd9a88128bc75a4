//! A fake of the Lambda Runtime API (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>).

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use domain::clock::{Clock as _, SystemClock};
use http::{Request, Response};
use http_body_util::Full;
use tokio::sync::{Mutex, mpsc};

use crate::server::{Server, response};

const NEXT: &str = "/2018-06-01/runtime/invocation/next";

/// A request of the function to the Runtime API.
pub enum Step {
    /// The function requested the next event at this instant.
    Polled(Instant),
    /// The function reported the response or the error of an invocation.
    Completed(Invocation),
}

/// The response or error that a function reported for an event.
pub struct Invocation {
    /// The path of the function's request, which ends with `/response` or `/error`.
    pub path: String,
    pub body: Bytes,
    /// The instant at which the function received the event.
    pub delivered: Instant,
    pub completed: Instant,
}

/// A running fake of the Runtime API, for one function.
pub struct RuntimeApi {
    server: Server,
    events: mpsc::UnboundedSender<String>,
    steps: mpsc::UnboundedReceiver<Step>,
}

struct State<F> {
    events: Mutex<mpsc::UnboundedReceiver<String>>,
    steps: mpsc::UnboundedSender<Step>,
    timeout: Duration,
    delivered: Mutex<Instant>,
    on_completed: F,
}

impl RuntimeApi {
    /// Starts a server. The Lambda deadline of an event is `timeout` after its delivery; `on_completed` runs
    /// before a response of the function is acknowledged.
    pub async fn start(timeout: Duration, on_completed: impl Fn() + Send + Sync + 'static) -> Self {
        let (events, waiting) = mpsc::unbounded_channel();
        let (sender, steps) = mpsc::unbounded_channel();
        let state = Arc::new(State {
            events: Mutex::new(waiting),
            steps: sender,
            timeout,
            delivered: Mutex::new(Instant::now()),
            on_completed,
        });
        let server = Server::start(move |request| {
            let state = Arc::clone(&state);
            async move { Ok::<_, io::Error>(state.respond(request).await) }
        });
        Self { server: server.await, events, steps }
    }

    /// Returns `host:port`, the value of the environment variable `AWS_LAMBDA_RUNTIME_API`.
    pub fn address(&self) -> &str {
        &self.server.address
    }

    /// Queues an event for the next poll of the function.
    pub fn send(&self, event: &str) {
        self.events.send(event.to_owned()).expect("a running server");
    }

    /// Waits for the function's next request to the Runtime API.
    pub async fn step(&mut self) -> Step {
        self.steps.recv().await.expect("a running server")
    }
}

impl<F: Fn()> State<F> {
    async fn respond(&self, request: Request<Bytes>) -> Response<Full<Bytes>> {
        // The receiver is dropped when the test ends.
        let step = |step| drop(self.steps.send(step));
        if request.uri().path() == NEXT {
            step(Step::Polled(Instant::now()));
            return match self.events.lock().await.recv().await {
                Some(event) => self.deliver(event).await,
                None => std::future::pending().await,
            };
        }
        let completed = Instant::now();
        (self.on_completed)();
        step(Step::Completed(Invocation {
            path: request.uri().path().to_owned(),
            body: request.into_body(),
            delivered: *self.delivered.lock().await,
            completed,
        }));
        response(202, "")
    }

    async fn deliver(&self, event: String) -> Response<Full<Bytes>> {
        *self.delivered.lock().await = Instant::now();
        let deadline = SystemClock.now().plus(self.timeout).unix_millis();
        Response::builder()
            .header("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
            .header("lambda-runtime-deadline-ms", deadline)
            .header(
                "lambda-runtime-invoked-function-arn",
                "arn:aws:lambda:us-east-1:123456789012:function:function-under-test",
            )
            .header("lambda-runtime-trace-id", "Root=1-6a13f5b0-0123456789abcdef01234567")
            .body(Full::from(event))
            .expect("headers")
    }
}
