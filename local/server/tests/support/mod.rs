//! Runs the program `local` for tests.

#![allow(dead_code, reason = "each test crate uses a part of it")]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};

use test_support::Client;

pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_local"));
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Runs the program `local` on a free port until it exits.
pub(crate) fn output(command: &mut Command) -> Output {
    command.args(["--port", "0"]).output().unwrap()
}

/// Asserts exit status 1, empty standard output, and one line on standard error that contains all `parts`.
#[track_caller]
pub(crate) fn assert_fails(output: &Output, parts: &[&str]) {
    let error = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
    for part in parts {
        assert!(error.contains(part), "{part:?} is not in {error:?}");
    }
    assert!(output.stdout.is_empty());
}

/// The program `local`, running on a free port. Drop kills the process.
pub(crate) struct Program {
    child: Child,
    stdout: BufReader<ChildStdout>,
    pub(crate) banner: String,
    pub(crate) client: Client,
}

impl Program {
    pub(crate) fn in_folder(folder: &Path, arguments: &[&str]) -> Self {
        let mut command = command(arguments);
        command.arg("--data-dir").arg(folder);
        Self::start(command)
    }

    /// Starts the program and waits for its banner, which is printed once the API is ready.
    pub(crate) fn start(mut command: Command) -> Self {
        command.args(["--port", "0"]).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut banner = String::new();
        while !banner.ends_with("Ctrl-C ends it.\n") {
            let read = stdout.read_line(&mut banner).unwrap();
            assert_ne!(read, 0, "the program ended: {banner}");
        }
        let mut words = banner.split_whitespace();
        let url = words.find(|word| word.starts_with("http://"));
        Self { client: Client::new(url.unwrap()), child, stdout, banner }
    }

    /// Reads the next line of standard output; empty if the program has ended.
    pub(crate) fn next_line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line
    }

    /// Returns standard error, which must be piped, of the exited program.
    pub(crate) fn stderr(&mut self) -> String {
        std::io::read_to_string(self.child.stderr.take().unwrap()).unwrap()
    }

    /// Sends SIGINT, as Ctrl-C does, and waits until the program exits.
    pub(crate) fn interrupt(&mut self) -> ExitStatus {
        let id = self.child.id().to_string();
        let status = Command::new("kill").args(["-INT", &id]).status().unwrap();
        assert!(status.success());
        self.child.wait().unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
