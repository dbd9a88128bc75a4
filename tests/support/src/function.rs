//! Runs the binary of a function, connected to a fake of the Lambda Runtime API.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tempfile::NamedTempFile;
use tokio::process::{Child, Command};

use crate::log::{Secrets, check_metrics};
use crate::runtime_api::{RuntimeApi, Step};

/// The time limit for a response or for the exit of a function; long enough for a busy machine.
const TIMEOUT: Duration = Duration::from_mins(2);

/// A running binary of a function. Dropping the value checks the log of the function.
pub struct Function {
    process: Child,
    api: RuntimeApi,
    log: NamedTempFile,
    secrets: Secrets,
}

impl Function {
    /// Starts the binary at this path. The settings are the only environment variables besides those of Lambda.
    pub async fn start(binary: &str, settings: &[(String, String)]) -> Self {
        Self::start_with_timeout(binary, settings, Duration::from_hours(24)).await
    }

    /// Starts the binary at this path; the Lambda deadline of each event is `timeout` after delivery.
    pub async fn start_with_timeout(
        binary: &str,
        settings: &[(String, String)],
        timeout: Duration,
    ) -> Self {
        let api = RuntimeApi::start(timeout, || {}).await;
        let log = NamedTempFile::new().expect("a file");
        let process = command(binary)
            .env_clear()
            .envs(settings.iter().cloned())
            .env("AWS_LAMBDA_RUNTIME_API", api.address())
            .env("AWS_LAMBDA_FUNCTION_NAME", "function-under-test")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .stdout(appending(&log))
            .stderr(appending(&log))
            .kill_on_drop(true)
            .spawn()
            .expect("an executable binary");
        Self { process, api, log, secrets: Secrets::of_settings(settings) }
    }

    /// Sends an event and returns the response. Panics if the function reports an error.
    pub async fn invoke(&mut self, event: &str) -> Value {
        let result = self.try_invoke(event).await;
        result.unwrap_or_else(|error| panic!("failed: {error}"))
    }

    /// Sends an event and returns the response, or as `Err` the error that the function reports to Lambda.
    pub async fn try_invoke(&mut self, event: &str) -> Result<Value, Value> {
        self.secrets.collect(&serde_json::from_str(event).unwrap_or_default());
        self.api.send(event);
        let completed = async {
            loop {
                if let Step::Completed(invocation) = self.api.step().await {
                    return invocation;
                }
            }
        };
        let completed = tokio::time::timeout(TIMEOUT, completed).await;
        let completed = completed.expect("a response in time");
        let body = serde_json::from_slice(&completed.body).unwrap_or_default();
        self.secrets.collect(&body);
        if completed.path.ends_with("/response") { Ok(body) } else { Err(body) }
    }

    /// Waits until the function exits, asserts that the exit status is a failure, and returns the log.
    pub async fn wait_for_failure(mut self) -> String {
        let status = tokio::time::timeout(TIMEOUT, self.process.wait()).await;
        let status = status.expect("an exit in time").expect("an exit");
        assert!(!status.success());
        self.read_log()
    }

    /// Kills the function and returns the log.
    pub async fn into_log(mut self) -> String {
        self.process.start_kill().expect("a running process");
        self.process.wait().await.expect("an exit");
        self.read_log()
    }

    fn read_log(&self) -> String {
        let log = std::fs::read(self.log.path()).expect("a log");
        String::from_utf8_lossy(&log).into_owned()
    }
}

/// Returns the command that runs the binary at this path. `.ci/arm64` runs binaries for another processor: `FUNCTIONS_DIR`
/// is their folder, and `FUNCTIONS_RUNNER` the emulator with its arguments.
#[allow(clippy::disallowed_methods, reason = "not settings of the API")]
fn command(binary: &str) -> Command {
    let mut path = Path::new(binary).to_owned();
    if let Some(folder) = std::env::var_os("FUNCTIONS_DIR") {
        path = Path::new(&folder).join(path.file_name().expect("a file"));
    }
    let Ok(runner) = std::env::var("FUNCTIONS_RUNNER") else {
        return Command::new(path);
    };
    let mut words = runner.split_whitespace();
    let mut command = Command::new(words.next().expect("a command"));
    command.args(words).arg(path);
    command
}

/// Checks the log of each function at the end of its test: no secrets, and only valid metrics.
impl Drop for Function {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let log = self.read_log();
        let secret = self.secrets.find_in(&log);
        assert!(secret.is_none(), "logged {secret:?}: {log}");
        // The last line may be incomplete.
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
