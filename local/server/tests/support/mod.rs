//! The program, as these tests run it.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};

use test_support::Client;

pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_local"));
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Runs a program that ends by itself.
pub(crate) fn output(command: &mut Command) -> Output {
    command.args(["--port", "0"]).output().unwrap()
}

/// Asserts that a program failed with one line on standard error.
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

/// The program on a free port.
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

    /// Returns once the banner is printed: the API is ready.
    pub(crate) fn start(mut command: Command) -> Self {
        command.args(["--port", "0"]).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut banner = String::new();
        while !banner.ends_with("Ctrl-C ends it.\n") {
            let read = stdout.read_line(&mut banner).unwrap();
            assert_ne!(read, 0, "it ended: {banner}");
        }
        let mut words = banner.split_whitespace();
        let url = words.find(|word| word.starts_with("http://"));
        Self {
            client: Client::new(url.unwrap()),
            child,
            stdout,
            banner,
        }
    }

    /// The next line of standard output; empty once the program has ended.
    pub(crate) fn next_line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line
    }

    /// Ends it as Ctrl-C does.
    pub(crate) fn interrupt(&mut self) -> ExitStatus {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-INT", &id]).status().unwrap();
        assert!(sent.success());
        self.child.wait().unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
