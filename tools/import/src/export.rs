//! CSV as `psql` writes it: the first line names the columns, nothing between two commas is null.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::path::{Path, PathBuf};

use csv::{ErrorKind, Reader, StringRecord};
use serde::de::DeserializeOwned;
use thiserror::Error;

/// A file that cannot be read at all, or lacks a column.
#[derive(Debug, Error)]
#[error("cannot read {path}: {source}")]
pub struct ExportError {
    path: PathBuf,
    source: csv::Error,
}

/// A row of one of the old tables: its columns, all as text.
pub(crate) trait Row: DeserializeOwned {
    type Value;
    /// The column whose value no other row has.
    const UNIQUE: &str;

    fn id(&self) -> &str;
    fn deleted_at(&self) -> &str;
    /// The error lists all that is wrong, without a word of what is written there.
    fn parse(self, old_id: u64) -> Result<Self::Value, String>;
    fn unique(value: &Self::Value) -> String;
}

/// A row, parsed.
#[derive(Debug)]
pub(crate) struct Entry<T> {
    /// The line where the row begins.
    pub(crate) line: u64,
    /// `None` if it is not a number; it may be anything then, and is not shown.
    pub(crate) old_id: Option<u64>,
    pub(crate) content: Content<T>,
}

#[derive(Debug)]
pub(crate) enum Content<T> {
    Valid(T),
    Invalid(String),
    /// The old service only marked it as deleted.
    Deleted,
}

/// All rows. Of those with the same unique value, the first is valid.
pub(crate) fn read<R: Row>(path: &Path) -> Result<Vec<Entry<R::Value>>, ExportError> {
    let unreadable = |source| ExportError {
        path: path.to_owned(),
        source,
    };
    let mut reader = Reader::from_path(path).map_err(unreadable)?;
    let header = reader.headers().map_err(unreadable)?.clone();
    let mut entries = Vec::new();
    let mut lines = HashMap::new();
    let mut record = StringRecord::new();
    loop {
        let line = reader.position().line();
        let row = match reader.read_record(&mut record) {
            Ok(false) => return Ok(entries),
            // All columns are text, so this fails only where one is missing.
            Ok(true) => Ok(record.deserialize::<R>(Some(&header)).map_err(unreadable)?),
            Err(error) => match error.kind() {
                ErrorKind::Utf8 { .. } => Err("the row is not UTF-8"),
                ErrorKind::UnequalLengths { .. } => {
                    Err("the row has not as many fields as the header")
                }
                _ => return Err(unreadable(error)),
            },
        };
        let line = record.position().map_or(line, csv::Position::line);
        let (old_id, content) = match row {
            Err(reason) => (None, Content::Invalid(reason.to_owned())),
            Ok(row) => match row.id().parse() {
                Err(_) => (None, Content::Invalid("id: not a number".to_owned())),
                Ok(id) if !row.deleted_at().is_empty() => (Some(id), Content::Deleted),
                Ok(id) => (Some(id), content(row, id, line, &mut lines)),
            },
        };
        entries.push(Entry {
            line,
            old_id,
            content,
        });
    }
}

/// `lines` has the line of each unique value so far.
fn content<R: Row>(
    row: R,
    id: u64,
    line: u64,
    lines: &mut HashMap<String, u64>,
) -> Content<R::Value> {
    let value = match row.parse(id) {
        Ok(value) => value,
        Err(reasons) => return Content::Invalid(reasons),
    };
    match lines.entry(R::unique(&value)) {
        Slot::Vacant(slot) => {
            slot.insert(line);
            Content::Valid(value)
        }
        Slot::Occupied(first) => {
            let (column, first) = (R::UNIQUE, first.get());
            Content::Invalid(format!("{column}: the same as in line {first}"))
        }
    }
}
