//! `DynamoDB`, played by dynoxide: one `SQLite` file, or none.
//!
//! Every write is in `SQLite`'s write-ahead log before it is answered, so a killed process loses
//! nothing. The log is not synced to the disk by every write: a power cut may take the last ones,
//! but never damages the file.

use std::fmt::{self, Display};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
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

/// Serves until it is dropped, which waits for the requests in flight and closes the file.
pub struct DynamoDb {
    server: Server,
    database: Database,
}

impl fmt::Debug for DynamoDb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DynamoDb({})", self.url())
    }
}

impl DynamoDb {
    /// Keeps nothing.
    pub fn memory() -> Result<Self, DynamoDbError> {
        let path = Path::new(":memory:");
        Self::start(Database::memory().map_err(|error| unusable(path, &error))?)
    }

    /// Keeps everything in this file, which is created if it does not exist.
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
        let engine = database.clone();
        let server = Server::start("dynamodb", |listener, stop| async move {
            let sweeping = tokio::spawn(sweep_expired(engine.clone()));
            // An error means that the sender was dropped, which is a stop as well.
            let stop = async { stop.await.unwrap_or_default() };
            if let Err(error) = server::serve_with_shutdown(listener, engine, stop).await {
                tracing::error!(error, "the DynamoDB engine stopped");
            }
            sweeping.abort();
        })?;
        Ok(Self { server, database })
    }

    /// The URL: `http://127.0.0.1:<port>`.
    pub fn url(&self) -> &str {
        self.server.url()
    }

    /// The engine behind the URL, for a test that writes thousands of items at once.
    pub fn database(&self) -> &Database {
        &self.database
    }
}

/// Removes expired items from time to time, as the service does; dynoxide does not by itself.
async fn sweep_expired(database: Database) {
    loop {
        tokio::time::sleep(SWEEP_INTERVAL).await;
        let database = database.clone();
        // Blocks, but lets requests in between its pages.
        let swept = tokio::task::spawn_blocking(move || database.sweep_ttl()).await;
        if let Ok(Err(error)) = swept {
            tracing::warn!(%error, "the sweep failed");
        }
    }
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
        if let Err(error) = fs::remove_file(&leftover)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(unusable(&leftover, &error));
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
