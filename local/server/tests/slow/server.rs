//! Runs the program `local` as a process that tests can kill.

use std::io::{BufRead as _, BufReader, copy, sink};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use test_support::NO_RATE_LIMITS;

/// The program `local`, running on a free port. Drop kills the process.
pub(crate) struct Server {
    process: Child,
    pub(crate) base_url: String,
}

impl Server {
    /// Starts the program with the data dir `folder`, and waits until the API is ready.
    pub(crate) fn start(folder: &Path) -> Self {
        let mut process = spawn(folder);
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let mut banner = String::new();
        while stdout.read_line(&mut banner).unwrap() > 0 && !banner.ends_with("Ctrl-C ends it.\n") {
        }
        let mut words = banner.split_whitespace();
        let base_url = words.find(|word| word.starts_with("http://")).unwrap().to_owned();
        // A full pipe would block the program.
        std::thread::spawn(move || copy(&mut stdout, &mut sink()));
        Self { process, base_url }
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn usage(&self) -> test_support::usage::Usage {
        test_support::usage::Usage::of(self.process.id()).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        kill(&mut self.process);
    }
}

/// Starts the program with the data dir `folder` and without rate limits.
pub(crate) fn spawn(folder: &Path) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_local"));
    command.args(["--port", "0", "--data-dir"]).arg(folder);
    command.envs(NO_RATE_LIMITS).stdin(Stdio::null());
    command.stdout(Stdio::piped()).spawn().unwrap()
}

/// Kills the process with SIGKILL and waits for its exit.
pub(crate) fn kill(process: &mut Child) {
    process.kill().unwrap();
    process.wait().unwrap();
}
