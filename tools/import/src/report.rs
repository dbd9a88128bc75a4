//! The report: a line per failed row, and the number of rows by outcome.

use std::fmt;
use std::io::{self, Write};
use std::path::Path;

/// The outcome of importing a row.
#[derive(Debug)]
pub(crate) enum Outcome {
    Imported,
    /// Imported by an earlier run.
    AlreadyPresent,
    /// Skipped, because the old service had marked it as deleted.
    Deleted,
    /// Not imported, because of the row.
    Failed(String),
    /// Not imported, because of a storage error.
    Unavailable(String),
}

/// The number of rows of a file by outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    imported: usize,
    already_present: usize,
    deleted: usize,
    failed: usize,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} imported, {} already present, {} skipped as deleted, {} failed",
            self.imported, self.already_present, self.deleted, self.failed
        )
    }
}

/// The number of users and foods by outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    pub(crate) users: Counts,
    pub(crate) foods: Counts,
}

impl Summary {
    /// Whether no row failed.
    pub fn is_complete(&self) -> bool {
        self.users.failed == 0 && self.foods.failed == 0
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "users: {}; foods: {}", self.users, self.foods)
    }
}

/// The report of one file, written row by row.
pub(crate) struct Report<'a, W> {
    pub(crate) out: &'a mut W,
    pub(crate) file: &'a Path,
    pub(crate) counts: Counts,
    /// The number of consecutive rows with storage errors.
    pub(crate) unavailable: usize,
}

impl<W: Write> Report<'_, W> {
    pub(crate) fn row(
        &mut self,
        line: u64,
        old_id: Option<u64>,
        outcome: &Outcome,
    ) -> io::Result<()> {
        self.unavailable = match outcome {
            Outcome::Unavailable(_) => self.unavailable + 1,
            _ => 0,
        };
        let counts = &mut self.counts;
        let (count, reason) = match outcome {
            Outcome::Imported => (&mut counts.imported, None),
            Outcome::AlreadyPresent => (&mut counts.already_present, None),
            Outcome::Deleted => (&mut counts.deleted, None),
            Outcome::Failed(reason) | Outcome::Unavailable(reason) => {
                (&mut counts.failed, Some(reason))
            }
        };
        *count += 1;
        let Some(reason) = reason else {
            return Ok(());
        };
        let id = old_id.map_or_else(|| "?".to_owned(), |id| id.to_string());
        writeln!(
            self.out,
            "{}:{line}: id {id}: {reason}",
            self.file.display()
        )
    }
}
