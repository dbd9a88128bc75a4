//! Stands between a function and its Redis-compatible server: knows where a command and its answer
//! end (<https://redis.io/docs/latest/develop/reference/protocol-spec/>, RESP 2), and lets one go wrong.

use std::io;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::faults::{Failures, Faults};

/// What a server says that has no time now.
const NOT_NOW: &[u8] = b"-LOADING the server reads its data\r\n";
/// What one says that knows nothing of what it did.
const TRY_AGAIN: &[u8] = b"-TRYAGAIN the slot is on its way\r\n";

/// A proxy before one server.
pub struct RedisProxy {
    /// As a function is told it.
    pub url: String,
    record: Arc<Record>,
    /// Ends with this, and all connections with it.
    _serving: JoinSet<()>,
}

#[derive(Default)]
struct Record {
    calls: Mutex<Vec<String>>,
    faults: Faults,
}

/// What is asked at once: a command, or a transaction from MULTI to EXEC.
struct PendingReply {
    operation: String,
    commands: usize,
    bytes: Vec<u8>,
}

/// One end of a connection, and what was read from it and not yet looked at.
struct Reader {
    stream: TcpStream,
    read: Vec<u8>,
}

impl RedisProxy {
    /// Before the server of this URL, which names a password, a host and a port.
    pub async fn before(url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (credentials, place) = url.split_once('@').expect("a password");
        let (engine, database) = place.split_once('/').unwrap_or((place, ""));
        let record = Arc::<Record>::default();
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, engine.to_owned(), Arc::clone(&record)));
        Self {
            url: format!("{credentials}@{address}/{database}"),
            record,
            _serving: serving,
        }
    }

    pub fn faults(&self) -> &Faults {
        &self.record.faults
    }

    /// What was asked since the last time.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.record.calls.lock().expect("no panic"))
    }
}

async fn serve(listener: TcpListener, engine: String, record: Arc<Record>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let engine = TcpStream::connect(&engine)
            .await
            .expect("the engine listens");
        // Where either hangs up, it is over.
        connections.spawn(pass(
            Reader::new(client),
            Reader::new(engine),
            Arc::clone(&record),
        ));
    }
}

async fn pass(mut client: Reader, engine: Reader, record: Arc<Record>) -> io::Result<()> {
    let engine = Arc::new(tokio::sync::Mutex::new(engine));
    loop {
        let question = client.question().await?;
        let operation = question.operation.clone();
        record.calls.lock().expect("no panic").push(operation);
        let failure = record.faults.failure(&question.operation, "");
        let failures = Failures {
            throttled: NOT_NOW.repeat(question.commands),
            failed: TRY_AGAIN.repeat(question.commands),
        };
        let engine = Arc::clone(&engine);
        let forward = async move { engine.lock().await.answer_to(&question).await };
        let answer = record.faults.apply(failure, forward, failures).await?;
        client.stream.write_all(&answer).await?;
    }
}

impl Reader {
    fn new(stream: TcpStream) -> Self {
        let read = Vec::new();
        Self { stream, read }
    }

    async fn frame(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some(end) = frame_end(&self.read) {
                return Ok(self.read.drain(..end).collect());
            }
            if self.stream.read_buf(&mut self.read).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    async fn question(&mut self) -> io::Result<PendingReply> {
        let first = self.frame().await?;
        let mut question = PendingReply {
            operation: operation(&first),
            commands: 1,
            bytes: first,
        };
        if question.operation == "MULTI" {
            loop {
                let next = self.frame().await?;
                question.commands += 1;
                question.bytes.extend(&next);
                if operation(&next) == "EXEC" {
                    break;
                }
            }
        }
        Ok(question)
    }

    async fn answer_to(&mut self, question: &PendingReply) -> io::Result<Vec<u8>> {
        self.stream.write_all(&question.bytes).await?;
        let mut answer = Vec::new();
        for _ in 0..question.commands {
            answer.extend(self.frame().await?);
        }
        Ok(answer)
    }
}

/// How many bytes the first value takes; `None` where it goes on.
fn frame_end(bytes: &[u8]) -> Option<usize> {
    let line = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    let number = || -> usize {
        let number = str::from_utf8(&bytes[1..line]).expect("a number");
        number
            .parse::<i64>()
            .expect("a number")
            .try_into()
            .unwrap_or(0)
    };
    let start = line + 2;
    match bytes[0] {
        b'$' if bytes[1] == b'-' => Some(start),
        b'$' => Some(start + number() + 2).filter(|end| *end <= bytes.len()),
        b'*' => (0..number()).try_fold(start, |at, _| Some(at + frame_end(&bytes[at..])?)),
        _ => Some(start),
    }
}

/// The command's name, with the script where it runs one.
fn operation(command: &[u8]) -> String {
    let lines = command.split(|byte| *byte == b'\n');
    // `*n`, and of each word its length and itself.
    let mut words = lines
        .skip(2)
        .step_by(2)
        .map(|word| String::from_utf8_lossy(word).trim().to_owned());
    let name = words.next().unwrap_or_default().to_ascii_uppercase();
    match (name.as_str(), words.next()) {
        ("EVALSHA", Some(script)) => format!("{name} {script}"),
        _ => name,
    }
}
