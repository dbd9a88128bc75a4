//! Reads CSV files exported by `psql`: a header line with column names, and empty fields for null.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::fs;
use std::path::{Path, PathBuf};

use csv::{ErrorKind, Reader, StringRecord};
use serde::de::DeserializeOwned;
use thiserror::Error;

/// The error of a CSV file that cannot be read, or that lacks a column.
#[derive(Debug, Error)]
#[error("cannot read {path}: {source}")]
pub struct ExportError {
    path: PathBuf,
    source: csv::Error,
}

/// A row of a table of the old service, with all columns as text.
pub(crate) trait Row: DeserializeOwned {
    type Value;
    /// The name of the column whose values must be unique.
    const UNIQUE: &str;

    fn id(&self) -> &str;
    fn deleted_at(&self) -> &str;
    /// Parses the columns. The error lists all invalid columns with reasons, without their content.
    fn parse(self, old_id: u64) -> Result<Self::Value, String>;
    fn unique(value: &Self::Value) -> String;
}

/// A row of a CSV file with its line and its id.
#[derive(Debug)]
pub(crate) struct Entry<T> {
    /// The number of the row's first line in the file.
    pub(crate) line: usize,
    /// The id of the row in the old service; `None` if the column is not a number. Such a value is never
    /// printed, because it may be personal data.
    pub(crate) old_id: Option<u64>,
    pub(crate) content: Content<T>,
}

#[derive(Debug)]
pub(crate) enum Content<T> {
    Valid(T),
    Invalid(String),
    /// The old service has marked the row as deleted.
    Deleted,
}

/// Reads all rows. Of rows with the same value in the unique column, only the first is valid.
pub(crate) fn read<R: Row>(path: &Path) -> Result<Vec<Entry<R::Value>>, ExportError> {
    let unreadable = |source| ExportError { path: path.to_owned(), source };
    let file = fs::read(path).map_err(|error| unreadable(error.into()))?;
    let mut reader = Reader::from_reader(file.as_slice());
    let header = reader.headers().map_err(unreadable)?.clone();
    let mut entries = Vec::new();
    let mut lines = HashMap::new();
    let mut record = StringRecord::new();
    let (mut line, mut counted) = (1, 0);
    loop {
        // The line of `reader.position()` is too small after CRLF and after empty lines.
        let start = usize::try_from(reader.position().byte()).unwrap_or(usize::MAX);
        let is_empty = |byte: &&u8| matches!(byte, b'\r' | b'\n');
        let start = start + file[start..].iter().take_while(is_empty).count();
        line += file[counted..start].split(|byte| *byte == b'\n').count() - 1;
        counted = start;
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

/// Parses a row. `lines` maps the values in the unique column of earlier rows to the lines of these rows.
fn content<R: Row>(
    row: R,
    id: u64,
    line: usize,
    lines: &mut HashMap<String, usize>,
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
