//! A program that is measured, and one run of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use hyper::body::Bytes;
use serde_json::Value;
use tempfile::NamedTempFile;
use tokio::process::{Child, Command};

use crate::Error;
use crate::backend::{Backend, Scene};
use crate::runtime_api::{RuntimeApi, Step};
use crate::usage::Usage;

/// Whatever takes longer hangs. The longest is an SDK with its defaults under valgrind.
const PATIENCE: Duration = Duration::from_mins(5);

/// Counts of instructions of one program.
const COUNTS: usize = 3;

/// A program that is measured.
#[derive(Debug, Clone)]
pub struct Program {
    /// Its name in the table.
    pub name: String,
    /// The function whose events it is given.
    pub function: String,
    /// Its file.
    pub path: PathBuf,
}

impl Program {
    /// A function in the folder of functions.
    pub fn function(folder: &Path, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            function: name.to_owned(),
            path: folder.join(name),
        }
    }

    /// The size of the file in bytes.
    pub fn size(&self) -> Result<u64, Error> {
        let file = fs::metadata(&self.path);
        let file = file.map_err(|error| format!("{}: {error}", self.path.display()))?;
        Ok(file.len())
    }
}

/// One start, up to the first answer.
#[derive(Debug, Clone, Copy)]
pub struct ColdStart {
    /// From the start of the process until it asks for its first event.
    pub first_poll: Duration,
    /// From the start of the process until its first answer.
    pub first_response: Duration,
    /// What it had used by then.
    pub usage: Usage,
}

/// Further events, given to a process that has answered before.
#[derive(Debug, Clone)]
pub struct Warm {
    /// How long each answer took.
    pub latencies: Vec<Duration>,
    /// On a processor, for each.
    pub cpu: Duration,
}

/// A process that runs.
struct Run {
    child: Child,
    api: RuntimeApi,
    started: Instant,
    log: NamedTempFile,
}

/// Starts the program once and gives it one event.
pub async fn cold(program: &Program, scene: &mut Scene) -> Result<ColdStart, Error> {
    let event = scene.event().await?;
    let mut run = Run::start(Command::new(&program.path), scene).await?;
    run.first_answer(event).await
}

/// Starts the program once, gives it one event, and then this many more.
pub async fn warm(program: &Program, scene: &mut Scene, calls: u32) -> Result<Warm, Error> {
    let event = scene.event().await?;
    let mut run = Run::start(Command::new(&program.path), scene).await?;
    let before = run.first_answer(event).await?.usage;
    let mut usage = before;
    let mut latencies = Vec::new();
    for _ in 0..calls {
        let event = scene.event().await?;
        run.poll().await?;
        let given = Instant::now();
        run.api.events.send(event)?;
        let (at, now) = run.answer().await?;
        latencies.push(at - given);
        usage = now;
    }
    Ok(Warm {
        latencies,
        cpu: usage.cpu.saturating_sub(before.cpu) / calls.max(1),
    })
}

/// The instructions that the program executes outside the kernel until it has given its first answer
/// and waits for its next event: the least of three counts, as whatever comes between adds to one. `None`
/// without valgrind. Writes the profile of the last into the file, for `callgrind_annotate`.
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
        let mut scene = backend.scene(&program.function).await?;
        counts.push(count(program, &mut scene, profile).await?);
    }
    Ok(counts.into_iter().min())
}

async fn count(program: &Program, scene: &mut Scene, profile: &Path) -> Result<u64, Error> {
    let event = scene.event().await?;
    let log = NamedTempFile::new()?;
    let mut valgrind = Command::new("valgrind");
    valgrind
        .arg("--tool=callgrind")
        .arg(format!("--callgrind-out-file={}", profile.display()))
        .arg(format!("--log-file={}", log.path().display()))
        .arg(&program.path);
    let mut run = Run::start(valgrind, scene).await?;
    run.first_answer(event).await?;
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
    async fn start(mut command: Command, scene: &Scene) -> Result<Self, Error> {
        let api = RuntimeApi::listen().await?;
        let log = NamedTempFile::new()?;
        command
            .env_clear()
            .envs(scene.settings())
            .env("AWS_LAMBDA_RUNTIME_API", &api.address)
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
            let _ = api.process.set(id);
        }
        Ok(Self {
            child,
            api,
            started,
            log,
        })
    }

    async fn step(&mut self) -> Result<Step, Error> {
        let step = tokio::select! {
            step = self.api.steps.recv() => step.ok_or("the Runtime API has ended"),
            _ = self.child.wait() => Err("the program has ended"),
            () = tokio::time::sleep(PATIENCE) => Err("the program hangs"),
        };
        step.map_err(|error| {
            let log = fs::read_to_string(self.log.path()).unwrap_or_default();
            format!("{error}: {log}").into()
        })
    }

    async fn poll(&mut self) -> Result<Instant, Error> {
        match self.step().await? {
            Step::Polled(at) => Ok(at),
            Step::Answered { path, body, .. } => Err(unexpected(&path, &body)),
        }
    }

    async fn answer(&mut self) -> Result<(Instant, Usage), Error> {
        let Step::Answered {
            at,
            path,
            body,
            usage,
        } = self.step().await?
        else {
            return Err("the program asks for an event without answering the last".into());
        };
        // What has no route answers without a status.
        let is_success = serde_json::from_slice::<Value>(&body).is_ok_and(|answer| {
            match answer.get("statusCode") {
                Some(status) => status
                    .as_u64()
                    .is_some_and(|status| (200..300).contains(&status)),
                None => answer["failed"].as_u64().unwrap_or_default() == 0,
            }
        });
        if !path.ends_with("/response") || !is_success {
            return Err(unexpected(&path, &body));
        }
        Ok((at, usage.ok_or("nothing in /proc")?))
    }

    async fn first_answer(&mut self, event: String) -> Result<ColdStart, Error> {
        self.api.events.send(event)?;
        let polled = self.poll().await?;
        let (answered, usage) = self.answer().await?;
        Ok(ColdStart {
            first_poll: polled - self.started,
            first_response: answered - self.started,
            usage,
        })
    }

    /// With SIGTERM: valgrind writes what it counted, and ends.
    async fn terminate(&mut self) -> Result<(), Error> {
        let id = self.child.id().ok_or("the program has ended")?;
        Command::new("kill").arg(id.to_string()).status().await?;
        self.child.wait().await?;
        Ok(())
    }
}

fn unexpected(path: &str, body: &Bytes) -> Error {
    format!("{path}: {}", String::from_utf8_lossy(body)).into()
}
