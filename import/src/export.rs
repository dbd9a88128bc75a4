//! CSV as `psql` writes it: the first line names the columns, nothing between two commas is null.

use std::path::{Path, PathBuf};

use csv::{ErrorKind, Reader, StringRecord};
use thiserror::Error;

/// A file that cannot be read at all.
#[derive(Debug, Error)]
pub enum ExportError {
    /// The system does not let us, or the header is no CSV.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: csv::Error,
    },
    /// No column has this name.
    #[error("{path} has no column {name}: its first line should name the columns")]
    NoColumn {
        /// Which file.
        path: PathBuf,
        /// Which column.
        name: &'static str,
    },
}

/// One row, or why it is none.
#[derive(Debug)]
pub(crate) struct Row<const N: usize> {
    /// The line of the file where the row begins.
    pub(crate) line: u64,
    pub(crate) fields: Result<Fields<N>, &'static str>,
}

/// What every row has, and the columns that were asked for.
#[derive(Debug)]
pub(crate) struct Fields<const N: usize> {
    pub(crate) id: String,
    pub(crate) deleted_at: String,
    pub(crate) columns: [String; N],
}

/// All rows, with the columns of these names.
pub(crate) fn read<const N: usize>(
    path: &Path,
    columns: [&'static str; N],
) -> Result<Vec<Row<N>>, ExportError> {
    let unreadable = |source| ExportError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let mut reader = Reader::from_path(path).map_err(unreadable)?;
    let header = reader.headers().map_err(unreadable)?.clone();
    let place = |name| {
        let place = header.iter().position(|column| column == name);
        place.ok_or_else(|| ExportError::NoColumn {
            path: path.to_owned(),
            name,
        })
    };
    let (id, deleted_at) = (place("id")?, place("deleted_at")?);
    let mut places = [0; N];
    for (into, name) in places.iter_mut().zip(columns) {
        *into = place(name)?;
    }
    let mut rows = Vec::new();
    let mut record = StringRecord::new();
    loop {
        let line = reader.position().line();
        let fields = match reader.read_record(&mut record) {
            Ok(false) => return Ok(rows),
            Ok(true) => {
                let field = |place| record.get(place).unwrap_or_default().to_owned();
                Ok(Fields {
                    id: field(id),
                    deleted_at: field(deleted_at),
                    columns: places.map(field),
                })
            }
            Err(error) => match error.kind() {
                ErrorKind::Utf8 { .. } => Err("the row is not UTF-8"),
                ErrorKind::UnequalLengths { .. } => {
                    Err("the row has not as many fields as the header")
                }
                _ => return Err(unreadable(error)),
            },
        };
        let line = record.position().map_or(line, csv::Position::line);
        rows.push(Row { line, fields });
    }
}
