//! Reads CSV as `psql` writes it: a header line with column names, and empty fields for null.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::path::{Path, PathBuf};

use csv::{ErrorKind, Reader, StringRecord};
use serde::de::DeserializeOwned;
use thiserror::Error;

/// A file that cannot be read, or that lacks a column.
#[derive(Debug, Error)]
#[error("cannot read {path}: {source}")]
pub struct ExportError {
    path: PathBuf,
    source: csv::Error,
}

/// A row of an old table, with all columns as text.
pub(crate) trait Row: DeserializeOwned {
    type Value;
    /// The column with a unique value.
    const UNIQUE: &str;

    fn id(&self) -> &str;
    fn deleted_at(&self) -> &str;
    /// Parses the columns. The error lists all invalid columns, without their content.
    fn parse(self, old_id: u64) -> Result<Self::Value, String>;
    fn unique(value: &Self::Value) -> String;
}

/// A parsed row.
#[derive(Debug)]
pub(crate) struct Entry<T> {
    /// The first line of the row.
    pub(crate) line: u64,
    /// `None` if it is not a number. It is then never shown, because it may hold personal data.
    pub(crate) old_id: Option<u64>,
    pub(crate) content: Content<T>,
}

#[derive(Debug)]
pub(crate) enum Content<T> {
    Valid(T),
    Invalid(String),
    /// Marked as deleted by the old service.
    Deleted,
}

/// Reads all rows. Of rows with an equal unique value, only the first is valid.
pub(crate) fn read<R: Row>(path: &Path) -> Result<Vec<Entry<R::Value>>, ExportError> {
    let unreadable = |source| ExportError { path: path.to_owned(), source };
    let mut reader = Reader::from_path(path).map_err(unreadable)?;
    let header = reader.headers().map_err(unreadable)?.clone();
    let mut entries = Vec::new();
    let mut lines = HashMap::new();
    let mut record = StringRecord::new();
    loop {
        let line = reader.position().line();
        let row = match reader.read_record(&mut record) {
            Ok(false) => return Ok(entries),
            // All columns are text, so this fails only if one is missing.
            Ok(true) => Ok(record.deserialize::<R>(Some(&header)).map_err(unreadable)?),
            Err(error) => match error.kind() {
                ErrorKind::Utf8 { .. } => Err("the row is not UTF-8"),
                ErrorKind::UnequalLengths { .. } => {
                    Err("the row and the header differ in their number of fields")
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
        entries.push(Entry { line, old_id, content });
    }
}

/// Parses a row. `lines` maps the unique values of earlier rows to their lines.
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
            Content::Invalid(format!("{column}: duplicate of line {first}"))
        }
    }
}
