//! Runs a program and measures cold starts, warm calls and instruction counts.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::NamedTempFile;
use test_support::runtime_api::{Invocation, RuntimeApi, Step};
use test_support::usage::Usage;
use tokio::process::{Child, Command};

use crate::Error;
use crate::backend::{Backend, Workload};

/// The time that an event gives the function to respond (the deadline of the invocation).
const TIMEOUT: Duration = Duration::from_mins(10);
/// The time limit for the next poll or response. The slowest is the AWS SDK with default settings under valgrind.
const STEP_TIMEOUT: Duration = Duration::from_mins(5);

/// The number of times that the instructions of a program are counted.
const COUNTS: usize = 3;

/// A program to measure.
#[derive(Debug, Clone)]
pub struct Program {
    /// The name of the program in the printed table.
    pub name: String,
    /// The function whose events the program receives.
    pub function: String,
    /// The path of the binary.
    pub path: PathBuf,
}

impl Program {
    /// Returns the function `name`, whose binary has the same name in `folder`.
    pub fn function(folder: &Path, name: &str) -> Self {
        Self { name: name.to_owned(), function: name.to_owned(), path: folder.join(name) }
    }

    /// Returns the size of the binary in bytes.
    pub fn size(&self) -> Result<u64, Error> {
        let file = fs::metadata(&self.path);
        let file = file.map_err(|error| format!("{}: {error}", self.path.display()))?;
        Ok(file.len())
    }
}

/// The measurements of a cold start, from process start to the first response.
#[derive(Debug, Clone, Copy)]
pub struct ColdStart {
    /// Time from process start to the first poll for an event.
    pub first_poll: Duration,
    /// Time from process start to the first response.
    pub first_response: Duration,
    /// CPU time and memory up to the first response.
    pub usage: Usage,
}

/// The measurements of the warm calls of one process.
#[derive(Debug, Clone)]
pub struct Warm {
    /// The latency of each call, from the delivery of the event to the response.
    pub latencies: Vec<Duration>,
    /// The mean CPU time of a call.
    pub cpu: Duration,
}

/// A running program with its Runtime API.
struct Run {
    child: Child,
    api: RuntimeApi,
    started: Instant,
    log: NamedTempFile,
    /// The CPU time and memory of the process at its last response; `None` if they cannot be read.
    usage: Arc<Mutex<Option<Usage>>>,
}

/// Measures a cold start: starts the program and sends one event.
pub async fn cold(program: &Program, workload: &mut Workload) -> Result<ColdStart, Error> {
    let event = workload.event().await?;
    let mut run = Run::start(Command::new(&program.path), workload).await?;
    run.first_response(&event).await
}

/// Measures warm calls: starts the program, sends one event, and then measures `calls` more events.
pub async fn warm(program: &Program, workload: &mut Workload, calls: u32) -> Result<Warm, Error> {
    let event = workload.event().await?;
    let mut run = Run::start(Command::new(&program.path), workload).await?;
    let before = run.first_response(&event).await?.usage;
    let mut usage = before;
    let mut latencies = Vec::new();
    for _ in 0..calls {
        let event = workload.event().await?;
        run.poll().await?;
        run.api.send(&event);
        let invocation = run.response().await?;
        latencies.push(invocation.completed - invocation.delivered);
        usage = run.usage()?;
    }
    Ok(Warm { latencies, cpu: usage.cpu.saturating_sub(before.cpu) / calls.max(1) })
}

/// Counts the user-space instructions from process start until the program polls for its second event.
/// Returns the minimum of three counts, because retries add instructions; `None` if valgrind is missing.
/// Writes the profile of the last count to the file `profile`, for `callgrind_annotate`.
pub async fn instructions(
    program: &Program,
    backend: &Backend,
    profile: &Path,
) -> Result<Option<u64>, Error> {
    let version = Command::new("valgrind").arg("--version").output().await;
    if version.is_err() {
        return Ok(None);
    }
    let mut counts = Vec::new();
    for _ in 0..COUNTS {
        let mut workload = backend.workload(&program.function).await?;
        counts.push(count(program, &mut workload, profile).await?);
    }
    Ok(counts.into_iter().min())
}

async fn count(program: &Program, workload: &mut Workload, profile: &Path) -> Result<u64, Error> {
    let event = workload.event().await?;
    let log = NamedTempFile::new()?;
    let mut valgrind = Command::new("valgrind");
    valgrind
        .arg("--tool=callgrind")
        .arg(format!("--callgrind-out-file={}", profile.display()))
        .arg(format!("--log-file={}", log.path().display()))
        .arg(&program.path);
    let mut run = Run::start(valgrind, workload).await?;
    run.first_response(&event).await?;
    run.poll().await?;
    run.terminate().await?;
    let log = fs::read_to_string(log.path())?;
    let collected = log
        .lines()
        .find_map(|line| line.split_once("Collected : "))
        .ok_or_else(|| format!("no count from valgrind: {log}"))?;
    Ok(collected.1.trim().parse()?)
}

impl Run {
    async fn start(mut command: Command, workload: &Workload) -> Result<Self, Error> {
        let usage = Arc::<Mutex<Option<Usage>>>::default();
        let process = Arc::<OnceLock<u32>>::default();
        let (measured, measuring) = (Arc::clone(&usage), Arc::clone(&process));
        let api = RuntimeApi::start(TIMEOUT, move || {
            let now = measuring.get().and_then(|id| Usage::of(*id));
            *measured.lock().unwrap_or_else(PoisonError::into_inner) = now;
        });
        let api = api.await;
        let log = NamedTempFile::new()?;
        command
            .env_clear()
            .envs(workload.settings())
            .env("AWS_LAMBDA_RUNTIME_API", api.address())
            .env("AWS_LAMBDA_FUNCTION_NAME", "measured")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .stdin(Stdio::null())
            .stdout(log.reopen()?)
            .stderr(log.reopen()?)
            .kill_on_drop(true);
        let started = Instant::now();
        let child = command.spawn().map_err(|error| {
            let program = command.as_std().get_program();
            format!("{}: {error}", Path::new(program).display())
        })?;
        if let Some(id) = child.id() {
            let _ = process.set(id);
        }
        Ok(Self { child, api, started, log, usage })
    }

    async fn step(&mut self) -> Result<Step, Error> {
        let error = tokio::select! {
            step = self.api.step() => return Ok(step),
            _ = self.child.wait() => "the program exited",
            () = tokio::time::sleep(STEP_TIMEOUT) => "the program timed out",
        };
        let log = fs::read_to_string(self.log.path()).unwrap_or_default();
        Err(format!("{error}: {log}").into())
    }

    async fn poll(&mut self) -> Result<Instant, Error> {
        match self.step().await? {
            Step::Polled(time) => Ok(time),
            Step::Completed(invocation) => Err(unexpected(&invocation)),
        }
    }

    /// Waits for the response to the event. Returns an error unless the function succeeded.
    async fn response(&mut self) -> Result<Invocation, Error> {
        let Step::Completed(invocation) = self.step().await? else {
            return Err("the program polled before it responded".into());
        };
        let body: Value = serde_json::from_slice(&invocation.body).unwrap_or_default();
        // Functions without a route return no status code.
        let is_success = match body.get("statusCode") {
            Some(status) => status.as_u64().is_some_and(|status| (200..300).contains(&status)),
            None => body["failed"].as_u64().unwrap_or_default() == 0,
        };
        if invocation.path.ends_with("/response") && is_success {
            Ok(invocation)
        } else {
            Err(unexpected(&invocation))
        }
    }

    fn usage(&self) -> Result<Usage, Error> {
        let usage = *self.usage.lock().unwrap_or_else(PoisonError::into_inner);
        usage.ok_or_else(|| "the process is not in /proc".into())
    }

    async fn first_response(&mut self, event: &str) -> Result<ColdStart, Error> {
        self.api.send(event);
        let polled = self.poll().await?;
        let invocation = self.response().await?;
        Ok(ColdStart {
            first_poll: polled - self.started,
            first_response: invocation.completed - self.started,
            usage: self.usage()?,
        })
    }

    /// Sends SIGTERM, so that valgrind writes its counts and exits, and waits for the exit.
    async fn terminate(&mut self) -> Result<(), Error> {
        let id = self.child.id().ok_or("the program exited")?;
        Command::new("kill").arg(id.to_string()).status().await?;
        self.child.wait().await?;
        Ok(())
    }
}

fn unexpected(invocation: &Invocation) -> Error {
    let body = String::from_utf8_lossy(&invocation.body);
    format!("{}: {body}", invocation.path).into()
}
