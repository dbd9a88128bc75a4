//! The report: a line per failed row, the number of rows by outcome, and a progress bar.

use std::fmt;
use std::io::{self, Write};
use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};

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
    out: &'a mut W,
    file: &'a Path,
    progress: ProgressBar,
    pub(crate) counts: Counts,
    /// The number of consecutive rows with storage errors.
    pub(crate) unavailable: usize,
}

impl<'a, W: Write> Report<'a, W> {
    /// Starts a progress bar on standard error; it is hidden if that is not a terminal.
    pub(crate) fn new(out: &'a mut W, file: &'a Path, rows: usize) -> Self {
        let style = "{bar:30} {human_pos} of {human_len} rows, {per_sec:1}, {eta} left";
        let style = ProgressStyle::with_template(style).expect("the template is valid");
        Self {
            out,
            file,
            progress: ProgressBar::new(rows as u64).with_style(style),
            counts: Counts::default(),
            unavailable: 0,
        }
    }

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
        self.progress.inc(1);
        let Some(reason) = reason else {
            return Ok(());
        };
        let id = old_id.map_or_else(|| "?".to_owned(), |id| id.to_string());
        let file = self.file.display();
        // Both may write to the same terminal.
        self.progress.suspend(|| writeln!(self.out, "{file}:{line}: id {id}: {reason}"))
    }
}
