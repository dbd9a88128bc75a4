//! A proxy that injects faults, in front of a Redis-compatible server. The proxy parses RESP 2
//! (<https://redis.io/docs/latest/develop/reference/protocol-spec/>) to find the end of commands and replies.

use std::io;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::faults::{ErrorResponses, Faults};

/// The error reply to a command that is not executed: the server is still starting.
const LOADING: &[u8] = b"-LOADING the server reads its data\r\n";
/// The error reply that replaces the reply to an executed command.
const TRY_AGAIN: &[u8] = b"-TRYAGAIN the slot is on its way\r\n";

/// A running proxy in front of one Redis-compatible server. Dropping the value closes all connections.
pub struct RedisProxy {
    /// The URL of the proxy, which functions use as `TOKEN_STORE_URL`.
    pub url: String,
    record: Arc<Record>,
    _tasks: JoinSet<()>,
}

#[derive(Default)]
struct Record {
    calls: Mutex<Vec<String>>,
    faults: Faults,
}

/// A command, or a transaction from MULTI to EXEC, that waits for its reply.
struct PendingReply {
    operation: String,
    commands: usize,
    bytes: Vec<u8>,
}

/// A TCP connection and the bytes that were received but not parsed yet.
struct Reader {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl RedisProxy {
    /// Starts a proxy in front of the server with this URL, which must contain a password, a host and a port.
    pub async fn start(url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (credentials, location) = url.split_once('@').expect("a password");
        let (engine, database) = location.split_once('/').unwrap_or((location, ""));
        let record = Arc::<Record>::default();
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(listener, engine.to_owned(), Arc::clone(&record)));
        Self { url: format!("{credentials}@{address}/{database}"), record, _tasks: tasks }
    }

    pub fn faults(&self) -> &Faults {
        &self.record.faults
    }

    /// Removes and returns the command names received since the last `take`, such as `HGET`.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.record.calls.lock().expect("no panic"))
    }
}

async fn serve(listener: TcpListener, engine: String, record: Arc<Record>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let engine = TcpStream::connect(&engine).await.expect("a running engine");
        // Ends when either side closes its connection.
        connections.spawn(forward_commands(
            Reader::new(client),
            Reader::new(engine),
            Arc::clone(&record),
        ));
    }
}

async fn forward_commands(
    mut client: Reader,
    engine: Reader,
    record: Arc<Record>,
) -> io::Result<()> {
    let engine = Arc::new(tokio::sync::Mutex::new(engine));
    loop {
        let pending = client.read_command().await?;
        let operation = pending.operation.clone();
        record.calls.lock().expect("no panic").push(operation);
        let failure = record.faults.next_failure(&pending.operation, "");
        let errors = ErrorResponses {
            throttled: LOADING.repeat(pending.commands),
            failed: TRY_AGAIN.repeat(pending.commands),
        };
        let engine = Arc::clone(&engine);
        let forward = async move { engine.lock().await.execute(&pending).await };
        let reply = record.faults.apply(failure, forward, errors).await?;
        client.stream.write_all(&reply).await?;
    }
}

impl Reader {
    fn new(stream: TcpStream) -> Self {
        let buffer = Vec::new();
        Self { stream, buffer }
    }

    async fn read_frame(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some(end) = frame_end(&self.buffer) {
                return Ok(self.buffer.drain(..end).collect());
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    async fn read_command(&mut self) -> io::Result<PendingReply> {
        let first = self.read_frame().await?;
        let mut pending = PendingReply { operation: operation(&first), commands: 1, bytes: first };
        if pending.operation == "MULTI" {
            loop {
                let next = self.read_frame().await?;
                pending.commands += 1;
                pending.bytes.extend(&next);
                if operation(&next) == "EXEC" {
                    break;
                }
            }
        }
        Ok(pending)
    }

    async fn execute(&mut self, pending: &PendingReply) -> io::Result<Vec<u8>> {
        self.stream.write_all(&pending.bytes).await?;
        let mut reply = Vec::new();
        for _ in 0..pending.commands {
            reply.extend(self.read_frame().await?);
        }
        Ok(reply)
    }
}

/// Returns the length of the first RESP value in bytes. `None` if the value is incomplete.
fn frame_end(bytes: &[u8]) -> Option<usize> {
    let line = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    let number = || -> usize {
        let number = str::from_utf8(&bytes[1..line]).expect("a number");
        number.parse::<i64>().expect("a number").try_into().unwrap_or(0)
    };
    let start = line + 2;
    match bytes[0] {
        b'$' if bytes[1] == b'-' => Some(start),
        b'$' => Some(start + number() + 2).filter(|end| *end <= bytes.len()),
        b'*' => (0..number()).try_fold(start, |at, _| Some(at + frame_end(&bytes[at..])?)),
        _ => Some(start),
    }
}

/// Returns the name of a command, such as `HGET`. For EVALSHA the digest of the script follows the name.
fn operation(command: &[u8]) -> String {
    let lines = command.split(|byte| *byte == b'\n');
    // `*n`, then the length and the text of each word.
    let mut words =
        lines.skip(2).step_by(2).map(|word| String::from_utf8_lossy(word).trim().to_owned());
    let name = words.next().unwrap_or_default().to_ascii_uppercase();
    match (name.as_str(), words.next()) {
        ("EVALSHA", Some(script)) => format!("{name} {script}"),
        _ => name,
    }
}
