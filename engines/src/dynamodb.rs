//! `DynamoDB`, played by dynoxide: one `SQLite` file, or none.
//!
//! Every write is in `SQLite`'s write-ahead log before it is answered, so a killed process loses
//! nothing. The log is not synced to the disk by every write: a power cut may take the last ones,
//! but never damages the file.

use std::fmt::{self, Display};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use dynoxide::{Database, server};
use rusqlite::{Connection, OpenFlags};
use thiserror::Error;

use crate::server::Server;

/// How often expired items are removed.
const SWEEP_INTERVAL: Duration = Duration::from_mins(1);

/// Why the engine does not start.
#[derive(Debug, Error)]
pub enum DynamoDbError {
    /// The file is not a database, or parts of it are missing.
    #[error(
        "{} is damaged: {reason}; put back a copy, or delete it to start with nothing",
        path.display()
    )]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file cannot be read or written, or comes from a newer version.
    #[error("{} cannot be opened: {reason}", path.display())]
    Unusable {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The system gives no port or thread.
    #[error("the DynamoDB engine cannot start: {0}")]
    System(#[from] io::Error),
}

/// Serves until it is dropped.
#[derive(Debug)]
pub struct DynamoDb {
    // Before the sweeper: nothing asks while it stops.
    server: Server,
    database: SharedDatabase,
    _sweeper: Sweeper,
}

#[derive(Clone)]
struct SharedDatabase(Database);

impl fmt::Debug for SharedDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Database")
    }
}

impl DynamoDb {
    /// Keeps nothing.
    pub fn memory() -> Result<Self, DynamoDbError> {
        let path = Path::new(":memory:");
        Self::start(Database::memory().map_err(|error| unusable(path, &error))?)
    }

    /// Keeps everything in this file, which is made when it is not there.
    pub fn open(path: &Path) -> Result<Self, DynamoDbError> {
        if path.try_exists().map_err(|error| unusable(path, &error))? {
            check(path)?;
        } else {
            create(path)?;
        }
        let database = database(path)?;
        database
            .disable_bulk_loading()
            .map_err(|error| unusable(path, &error))?;
        Self::start(database)
    }

    fn start(database: Database) -> Result<Self, DynamoDbError> {
        let clone = database.clone();
        let server = Server::start("dynamodb", |listener, stop| async move {
            // An error is a stop that was dropped, which is a stop.
            let stop = async { stop.await.unwrap_or_default() };
            if let Err(error) = server::serve_with_shutdown(listener, clone, stop).await {
                tracing::error!(error, "the DynamoDB engine stopped");
            }
        })?;
        Ok(Self {
            server,
            _sweeper: Sweeper::start(database.clone())?,
            database: SharedDatabase(database),
        })
    }

    /// Where it is: `http://127.0.0.1:<port>`.
    pub fn url(&self) -> &str {
        self.server.url()
    }

    /// The engine behind the URL: for a test that wants thousands of items at once.
    pub fn database(&self) -> &Database {
        &self.database.0
    }

    /// Removes what has expired by now and says how much that was; also done once a minute.
    pub fn sweep(&self) -> Result<usize, SweepError> {
        sweep(&self.database.0)
    }

    /// Answers what was asked, closes the file and returns.
    pub fn stop(self) {}
}

/// Expired items could not be removed.
#[derive(Debug, Error)]
#[error("expired items stay: {0}")]
pub struct SweepError(String);

fn sweep(database: &Database) -> Result<usize, SweepError> {
    database
        .sweep_ttl()
        .map_err(|error| SweepError(error.to_string()))
}

fn unusable(path: &Path, reason: &(impl Display + ?Sized)) -> DynamoDbError {
    DynamoDbError::Unusable {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}

fn damaged(path: &Path, reason: &(impl Display + ?Sized)) -> DynamoDbError {
    DynamoDbError::Damaged {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}

fn database(path: &Path) -> Result<Database, DynamoDbError> {
    let name = path
        .to_str()
        .ok_or_else(|| unusable(path, "the path is not UTF-8"))?;
    Database::new(name).map_err(|error| unusable(path, &error))
}

/// Made under another name and renamed: a process that is killed meanwhile leaves no half of it, and
/// an empty file is always a damaged one.
fn create(path: &Path) -> Result<(), DynamoDbError> {
    let beside = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let new = beside(".new");
    for leftover in [".new", ".new-wal", ".new-shm", "-wal", "-shm"].map(beside) {
        match fs::remove_file(&leftover) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(unusable(&leftover, &error));
            }
            _ => {}
        }
    }
    drop(database(&new)?);
    fs::rename(&new, path).map_err(|error| unusable(path, &error))
}

/// dynoxide notices a damaged page when a request comes upon it; we want to know before.
fn check(path: &Path) -> Result<(), DynamoDbError> {
    let metadata = fs::metadata(path).map_err(|error| unusable(path, &error))?;
    if !metadata.is_file() {
        return Err(unusable(path, "it is not a file"));
    }
    if metadata.len() == 0 {
        return Err(damaged(path, "it is empty"));
    }
    let verdict: rusqlite::Result<String> =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
            .and_then(|file| file.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)));
    match verdict {
        Ok(verdict) if verdict == "ok" => Ok(()),
        Ok(verdict) => Err(damaged(path, &verdict)),
        Err(error) => match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt) => {
                Err(damaged(path, &error))
            }
            _ => Err(unusable(path, &error)),
        },
    }
}

/// Plays the service that removes expired items; dynoxide has none of its own.
#[derive(Debug)]
struct Sweeper {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Sweeper {
    /// On a thread of its own: a sweep lets requests in between its pages, so they must be able to
    /// come.
    fn start(database: Database) -> io::Result<Self> {
        let (stop, stopped) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("dynamodb-ttl".to_owned())
            .spawn(move || {
                while stopped.recv_timeout(SWEEP_INTERVAL) == Err(RecvTimeoutError::Timeout) {
                    if let Err(error) = sweep(&database) {
                        tracing::warn!(%error, "the sweep failed");
                    }
                }
            })?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        drop(self.stop.take());
        // Fails only where the thread has panicked.
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
