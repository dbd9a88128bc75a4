//! An embedded `DynamoDB` (dynoxide), in one `SQLite` file.
//!
//! A write is acknowledged once it is in `SQLite`'s write-ahead log, so a killed process loses no
//! acknowledged write. The log is not synced after each write: a power failure may lose the last
//! writes, but never damages the file.

mod api;
mod streams;

use std::fmt::{self, Display};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use dynoxide::Database;
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;
use thiserror::Error;

use crate::access_key::AccessKey;
use crate::server::Server;

pub use self::streams::{Stream, StreamError};

/// The interval at which expired items are removed.
const SWEEP_INTERVAL: Duration = Duration::from_mins(1);

/// Errors of starting the embedded `DynamoDB`.
#[derive(Debug, Error)]
pub enum DynamoDbError {
    /// The database file is damaged, or is not a `SQLite` database.
    #[error(
        "{} is damaged: {reason}; restore a copy, or delete it to start with an empty database",
        path.display()
    )]
    Damaged {
        /// The path of the database file.
        path: PathBuf,
        /// The first problem found in the file.
        reason: String,
    },
    /// The database file cannot be read or written, or was written by a newer version.
    #[error("{} cannot be opened: {reason}", path.display())]
    Unusable {
        /// The path of the database file.
        path: PathBuf,
        /// The message of the operating system or of `SQLite`.
        reason: String,
    },
    /// The operating system has no free port or cannot start a thread.
    #[error("the DynamoDB engine cannot start: {0}")]
    System(#[from] io::Error),
}

/// A running `DynamoDB` server; requests must be signed with its key. Drop waits up to 5 seconds for requests in flight and closes the database.
pub struct DynamoDb {
    server: Server,
    database: Database,
    file: streams::File,
    key: AccessKey,
    /// Removed last.
    _folder: Option<TempDir>,
}

impl fmt::Debug for DynamoDb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DynamoDb({})", self.url())
    }
}

impl DynamoDb {
    /// Starts a server that stores its data in a temporary file, without syncing it. Drop deletes the file.
    pub fn temporary(key: &AccessKey) -> Result<Self, DynamoDbError> {
        Self::temporary_with(key, |_| Ok(()))
    }

    /// Like [`temporary`](Self::temporary), with a copy of the data of this server.
    pub fn copy(&self) -> Result<Self, DynamoDbError> {
        Self::temporary_with(&self.key, |path| {
            let name = utf8(path)?;
            self.database.vacuum_into(name).map_err(|error| unusable(path, &error))
        })
    }

    fn temporary_with(
        key: &AccessKey,
        create: impl FnOnce(&Path) -> Result<(), DynamoDbError>,
    ) -> Result<Self, DynamoDbError> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("dynamodb.sqlite");
        create(&path)?;
        let database = database(&path)?;
        database.enable_bulk_loading().map_err(|error| unusable(&path, &error))?;
        Self::start(&path, database, key, Some(folder))
    }

    /// Starts a server that stores its data in the `SQLite` file at `path`, and creates a missing file.
    pub fn open(path: &Path, key: &AccessKey) -> Result<Self, DynamoDbError> {
        if path.try_exists().map_err(|error| unusable(path, &error))? {
            check(path)?;
        } else {
            create(path)?;
        }
        let database = database(path)?;
        database.disable_bulk_loading().map_err(|error| unusable(path, &error))?;
        Self::start(path, database, key, None)
    }

    fn start(
        path: &Path,
        database: Database,
        key: &AccessKey,
        folder: Option<TempDir>,
    ) -> Result<Self, DynamoDbError> {
        let file = streams::open(path).map_err(|error| unusable(path, &error))?;
        let (engine, router) = (database.clone(), api::router(database.clone(), key.clone()));
        let server = Server::start("dynamodb", |listener, stop| async move {
            let sweeper = tokio::spawn(sweep_expired(engine));
            // A dropped sender is a stop as well.
            let stop = async { stop.await.unwrap_or_default() };
            let server = axum::serve(listener, router).with_graceful_shutdown(stop);
            if let Err(error) = server.await {
                tracing::error!(%error, "the DynamoDB engine stopped");
            }
            sweeper.abort();
        })?;
        Ok(Self { server, database, file, key: key.clone(), _folder: folder })
    }

    /// Returns the endpoint URL: `http://127.0.0.1:<port>`.
    pub fn url(&self) -> &str {
        self.server.url()
    }

    /// Returns the key that clients sign requests with.
    pub fn key(&self) -> &AccessKey {
        &self.key
    }

    /// Returns the dynoxide database, for tests that write thousands of items without HTTP requests.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Returns the stream of `table`.
    pub fn stream(&self, table: &str) -> Result<Stream, StreamError> {
        Stream::open(self.database.clone(), Arc::clone(&self.file), table)
    }
}

/// Removes items with an expired TTL every minute, as AWS does; dynoxide removes none by itself.
async fn sweep_expired(database: Database) {
    loop {
        tokio::time::sleep(SWEEP_INTERVAL).await;
        let database = database.clone();
        // Blocking, but requests are served between its pages.
        let result = tokio::task::spawn_blocking(move || database.sweep_ttl()).await;
        if let Ok(Err(error)) = result {
            tracing::warn!(%error, "expired items cannot be removed");
        }
    }
}

fn unusable(path: &Path, reason: &(impl Display + ?Sized)) -> DynamoDbError {
    DynamoDbError::Unusable { path: path.to_owned(), reason: reason.to_string() }
}

fn damaged(path: &Path, reason: &(impl Display + ?Sized)) -> DynamoDbError {
    DynamoDbError::Damaged { path: path.to_owned(), reason: reason.to_string() }
}

fn database(path: &Path) -> Result<Database, DynamoDbError> {
    Database::new(utf8(path)?).map_err(|error| unusable(path, &error))
}

fn utf8(path: &Path) -> Result<&str, DynamoDbError> {
    path.to_str().ok_or_else(|| unusable(path, "the path is not UTF-8"))
}

/// Creates an empty database under a temporary name and renames it to `path`. A killed process therefore
/// leaves no partial database, and an empty file at `path` always means damage.
fn create(path: &Path) -> Result<(), DynamoDbError> {
    let with_suffix = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let new = with_suffix(".new");
    for leftover in [".new", ".new-wal", ".new-shm", "-wal", "-shm"].map(with_suffix) {
        if let Err(error) = fs::remove_file(&leftover)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(unusable(&leftover, &error));
        }
    }
    drop(database(&new)?);
    fs::rename(&new, path).map_err(|error| unusable(path, &error))
}

/// Checks all pages of the database file, because dynoxide reports a damaged page only when a request reads it.
fn check(path: &Path) -> Result<(), DynamoDbError> {
    let metadata = fs::metadata(path).map_err(|error| unusable(path, &error))?;
    if !metadata.is_file() {
        return Err(unusable(path, "it is not a file"));
    }
    if metadata.len() == 0 {
        return Err(damaged(path, "it is empty"));
    }
    let result: rusqlite::Result<String> =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
            .and_then(|file| file.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)));
    match result {
        Ok(problem) if problem == "ok" => Ok(()),
        Ok(problem) => Err(damaged(path, &problem)),
        Err(error) => match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt) => {
                Err(damaged(path, &error))
            }
            _ => Err(unusable(path, &error)),
        },
    }
}
