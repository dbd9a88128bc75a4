//! The streams of tables, and what dynoxide lacks for them: an index of the records, and their removal.
//!
//! dynoxide numbers a record after the largest number of its table, which it looks for in all records of all tables, and it
//! never removes a record (docs/decisions/0008-embedded-engines-crate.md). A second connection to the file does both.

use std::fmt::Display;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use dynoxide::Database;
use dynoxide::actions::get_records::{GetRecordsRequest, Record};
use dynoxide::actions::get_shard_iterator::GetShardIteratorRequest;
use dynoxide::actions::list_streams::ListStreamsRequest;
use dynoxide::streams::shard_id;
use rusqlite::Connection;
use thiserror::Error;

/// Used by dynoxide's queries for the next number of a table, and for the records after a number.
const INDEX: &str = "CREATE INDEX IF NOT EXISTS food_app_stream_records
    ON _stream_records (table_name, CAST(sequence_number AS INTEGER))";

/// A few hundred bytes each, so that a write of a request waits for milliseconds only.
const DELETE: &str = "DELETE FROM _stream_records WHERE id IN (
    SELECT id FROM _stream_records WHERE table_name = ?1 AND CAST(sequence_number AS INTEGER) < ?2
    ORDER BY CAST(sequence_number AS INTEGER) LIMIT 1000)";

/// The error of reading or trimming the stream of a table.
#[derive(Debug, Error)]
#[error("the stream of the table {table}: {reason}")]
pub struct StreamError {
    table: String,
    reason: String,
}

/// The connection for statements that dynoxide does not execute.
pub(super) type File = Arc<Mutex<Connection>>;

/// Opens a second connection to the database file, and creates the index of stream records if it is missing.
pub(super) fn open(path: &Path) -> rusqlite::Result<File> {
    let connection = Connection::open(path)?;
    connection.execute_batch(INDEX)?;
    Ok(Arc::new(Mutex::new(connection)))
}

/// The stream of a table, which has one shard. All methods block.
#[derive(Clone)]
pub struct Stream {
    database: Database,
    file: File,
    table: String,
    arn: String,
}

impl Stream {
    /// Returns the stream of `table`. Fails if the table does not exist or has no stream.
    pub(super) fn open(database: Database, file: File, table: &str) -> Result<Self, StreamError> {
        let mut stream = Self { database, file, table: table.to_owned(), arn: String::new() };
        let request =
            ListStreamsRequest { table_name: Some(table.to_owned()), ..Default::default() };
        let listed = stream.database.list_streams(request).map_err(|error| stream.error(error))?;
        let summary =
            listed.streams.into_iter().next().ok_or_else(|| stream.error("is missing"))?;
        stream.arn = summary.stream_arn;
        Ok(stream)
    }

    /// Returns the ARN of the stream.
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// Returns the oldest records (at most `limit`, up to 1,000) after the record with the sequence number `after`, or of the
    /// whole stream.
    pub fn records(&self, after: Option<&str>, limit: usize) -> Result<Vec<Record>, StreamError> {
        self.read(
            if after.is_some() { "AFTER_SEQUENCE_NUMBER" } else { "TRIM_HORIZON" },
            after,
            limit,
        )
    }

    /// Returns whether the stream has a record with this sequence number.
    pub fn contains(&self, sequence_number: &str) -> Result<bool, StreamError> {
        let records = self.read("AT_SEQUENCE_NUMBER", Some(sequence_number), 1)?;
        Ok(records.iter().any(|record| record.dynamodb.sequence_number == sequence_number))
    }

    fn read(
        &self,
        iterator: &str,
        sequence_number: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Record>, StreamError> {
        let request = GetShardIteratorRequest {
            stream_arn: self.arn.clone(),
            shard_id: shard_id(&self.table),
            shard_iterator_type: iterator.to_owned(),
            sequence_number: sequence_number.map(str::to_owned),
        };
        let iterator =
            self.database.get_shard_iterator(request).map_err(|error| self.error(error))?;
        let request = GetRecordsRequest {
            shard_iterator: iterator.shard_iterator.unwrap_or_default(),
            limit: Some(limit),
        };
        let records = self.database.get_records(request).map_err(|error| self.error(error))?;
        Ok(records.records)
    }

    /// Removes the oldest records, at most 1,000, before the record with this sequence number, which stays: the next number
    /// follows the largest one even if the clock was turned back. Returns how many records were removed.
    pub fn trim(&self, before: &str) -> Result<usize, StreamError> {
        // A 1, and 20 digits: the number that dynoxide stores.
        let stored: Option<i64> = before.strip_prefix('1').and_then(|digits| digits.parse().ok());
        let stored = stored.ok_or_else(|| self.error("invalid sequence number"))?;
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.execute(DELETE, (&self.table, stored)).map_err(|error| self.error(error))
    }

    fn error(&self, reason: impl Display) -> StreamError {
        StreamError { table: self.table.clone(), reason: reason.to_string() }
    }
}
