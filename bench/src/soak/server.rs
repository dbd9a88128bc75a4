//! `local`, as a process that can be killed.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::Error;
use crate::program::Usage;

const PATIENCE: Duration = Duration::from_secs(30);

/// A running server.
pub struct Server {
    process: Child,
    base_url: String,
}

impl Server {
    /// Starts the program on a free port, with its data in this folder and no limit to attempts.
    pub async fn start(program: &Path, folder: &Path) -> Result<Self, Error> {
        let mut process = spawn(program, folder)?;
        let mut lines = BufReader::new(process.stdout.take().ok_or("no output")?).lines();
        let banner = async {
            while let Some(line) = lines.next_line().await? {
                let url = line
                    .split_whitespace()
                    .find(|word| word.starts_with("http://"));
                if let Some(url) = url {
                    return Ok(url.to_owned());
                }
            }
            Err(Error::from("the server ended at once"))
        };
        let base_url = tokio::time::timeout(PATIENCE, banner).await??;
        // It writes a line for each request: somebody has to read them.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self { process, base_url })
    }

    /// The same, killed so soon after its process began: while it starts, most likely.
    pub async fn start_and_kill(
        program: &Path,
        folder: &Path,
        moment: Duration,
    ) -> Result<(), Error> {
        let mut process = spawn(program, folder)?;
        tokio::time::sleep(moment).await;
        Ok(process.kill().await?)
    }

    /// Where it listens.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// What it has used so far.
    pub fn usage(&self) -> Result<Usage, Error> {
        Usage::of(self.process.id().ok_or("it has ended")?)
    }

    /// `kill -9`
    pub async fn kill(mut self) -> Result<(), Error> {
        Ok(self.process.kill().await?)
    }
}

fn spawn(program: &Path, folder: &Path) -> Result<Child, Error> {
    let limits = ["LOGIN", "SIGN_UP"].into_iter().flat_map(|what| {
        ["ACCOUNT", "ADDRESS"].map(|whose| (format!("{what}_ATTEMPTS_PER_{whose}"), "1000000"))
    });
    let process = Command::new(PathBuf::from(program))
        .args(["--port", "0", "--data-dir"])
        .arg(folder)
        .envs(limits)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    Ok(process)
}
