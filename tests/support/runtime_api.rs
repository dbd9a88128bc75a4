//! A stand-in for the Lambda Runtime API
//! (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>): starts a real function binary
//! and gives it events.

use std::convert::Infallible;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::clock::{Clock as _, SystemClock};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tempfile::NamedTempFile;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

use super::log::{Secrets, check_metrics};

/// A function that is slower than this to answer, or to fail, hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running function.
pub(crate) struct Function {
    process: Child,
    events: mpsc::UnboundedSender<String>,
    answers: mpsc::UnboundedReceiver<Answered>,
    longest: Duration,
    log: NamedTempFile,
    secrets: Secrets,
    /// Ends with this, and all connections with it.
    _serving: JoinSet<()>,
}

/// What the function said of an event, and how long that took.
struct Answered {
    path: String,
    answer: Value,
    took: Duration,
}

struct RuntimeApi {
    events: Mutex<mpsc::UnboundedReceiver<String>>,
    answers: mpsc::UnboundedSender<Answered>,
    time: Duration,
    /// When the function was given its event.
    began: Mutex<Instant>,
}

impl Function {
    /// Starts the binary with these settings and no other environment.
    pub(crate) async fn start(binary: &str, settings: &[(String, String)]) -> Self {
        Self::with_time(binary, settings, Duration::from_hours(24)).await
    }

    /// The same, with so much time for each event.
    pub(crate) async fn with_time(
        binary: &str,
        settings: &[(String, String)],
        time: Duration,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (events, waiting) = mpsc::unbounded_channel();
        let (answered, answers) = mpsc::unbounded_channel();
        let api = Arc::new(RuntimeApi {
            events: Mutex::new(waiting),
            answers: answered,
            time,
            began: Mutex::new(Instant::now()),
        });
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, api));
        let log = NamedTempFile::new().expect("a file");
        let process = Command::new(binary)
            .env_clear()
            .envs(settings.iter().cloned())
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", "function-under-test")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .stdout(appending(&log))
            .stderr(appending(&log))
            .kill_on_drop(true)
            .spawn()
            .expect("the binary starts");
        Self {
            process,
            events,
            answers,
            longest: Duration::ZERO,
            log,
            secrets: Secrets::of_settings(settings),
            _serving: serving,
        }
    }

    /// What the function answers to the event, as API Gateway gets it.
    pub(crate) async fn invoke(&mut self, event: &str) -> Value {
        let outcome = self.attempt(event).await;
        outcome.unwrap_or_else(|error| panic!("failed: {error}"))
    }

    /// What the function tells Lambda of the event that it could not do.
    pub(crate) async fn fail(&mut self, event: &str) -> Value {
        let outcome = self.attempt(event).await;
        outcome.expect_err("it fails")
    }

    /// What becomes of the event: its answer, or what Lambda is told instead.
    pub(crate) async fn attempt(&mut self, event: &str) -> Result<Value, Value> {
        let json = serde_json::from_str(event);
        self.secrets.learn(&json.unwrap_or_default());
        self.events.send(event.to_owned()).expect("the API listens");
        let Answered { path, answer, took } = self.answer().await;
        self.secrets.learn(&answer);
        self.longest = self.longest.max(took);
        if path.ends_with("/response") {
            Ok(answer)
        } else {
            Err(answer)
        }
    }

    /// The longest that any answer took, from when the function was given the event.
    pub(crate) fn longest(&self) -> Duration {
        self.longest
    }

    async fn answer(&mut self) -> Answered {
        let answer = tokio::time::timeout(PATIENCE, self.answers.recv()).await;
        answer.expect("an answer in time").expect("an answer")
    }

    /// The most memory that the process has had at once so far, in bytes: `VmHWM` of proc(5).
    #[cfg(target_os = "linux")]
    pub(crate) fn peak_memory(&self) -> u64 {
        let id = self.process.id().expect("it runs");
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("Linux");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
        let kilobytes: u64 = kilobytes.and_then(|n| n.parse().ok()).expect("a number");
        kilobytes * 1024
    }

    /// What the function wrote, once it has ended by itself with a failure.
    pub(crate) async fn failure(mut self) -> String {
        let status = tokio::time::timeout(PATIENCE, self.process.wait()).await;
        let status = status.expect("an end in time").expect("an end");
        assert!(!status.success());
        self.written()
    }

    /// What the function wrote until it was ended.
    pub(crate) async fn log(mut self) -> String {
        self.process.start_kill().expect("it runs");
        self.process.wait().await.expect("an end");
        self.written()
    }

    fn written(&self) -> String {
        let log = std::fs::read(self.log.path()).expect("a log");
        String::from_utf8_lossy(&log).into_owned()
    }
}

/// Whatever a test is about, what its functions write has nothing secret in it, and metrics that are
/// some.
impl Drop for Function {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let log = self.written();
        let secret = self.secrets.found(&log);
        assert!(secret.is_none(), "wrote {secret:?}: {log}");
        // A line may just be written.
        let whole = log.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let lines = whole.lines().filter(|line| line.contains("\"_aws\""));
        for line in lines {
            let metrics = serde_json::from_str(line).expect("JSON");
            assert_eq!(check_metrics(&metrics), Ok(()), "{line}");
        }
    }
}

fn appending(log: &NamedTempFile) -> Stdio {
    let file = std::fs::OpenOptions::new().append(true).open(log.path());
    file.expect("a log").into()
}

async fn serve(listener: TcpListener, api: Arc<RuntimeApi>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let api = Arc::clone(&api);
        let service = service_fn(move |request| {
            let api = Arc::clone(&api);
            async move { Ok::<_, Infallible>(api.answer(request).await) }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service);
        connections.spawn(connection);
    }
}

impl RuntimeApi {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path().to_owned();
        let body = request.into_body().collect().await.expect("a whole body");
        if path == "/2018-06-01/runtime/invocation/next" {
            let Some(event) = self.events.lock().await.recv().await else {
                // The test is over: the function waits for an event that never comes.
                return std::future::pending().await;
            };
            *self.began.lock().await = Instant::now();
            let deadline = SystemClock.now().plus(self.time).unix_millis();
            return Response::builder()
                .header(
                    "lambda-runtime-aws-request-id",
                    "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
                )
                .header("lambda-runtime-deadline-ms", deadline)
                .header(
                    "lambda-runtime-invoked-function-arn",
                    "arn:aws:lambda:us-east-1:123456789012:function:function-under-test",
                )
                .header(
                    "lambda-runtime-trace-id",
                    "Root=1-6a13f5b0-0123456789abcdef01234567",
                )
                .body(Full::from(event))
                .expect("an answer");
        }
        let answer = serde_json::from_slice(&body.to_bytes()).unwrap_or_default();
        let took = self.began.lock().await.elapsed();
        // Nobody listens any more when the test is over.
        let _ = self.answers.send(Answered { path, answer, took });
        Response::builder()
            .status(202)
            .body(Full::default())
            .expect("an answer")
    }
}
