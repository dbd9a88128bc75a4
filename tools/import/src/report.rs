//! The report of an import: a line for each failed row, the number of rows by outcome, and a progress bar.

use std::fmt;
use std::io::{self, Write};
use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};

/// The outcome of importing a row.
#[derive(Debug)]
pub(crate) enum Outcome {
    Imported,
    /// The row was imported by an earlier run.
    AlreadyPresent,
    /// The row was skipped, because the old service had marked it as deleted.
    Deleted,
    /// The row was not imported because of its content or image; the text is the reason.
    Failed(String),
    /// The row was not imported because of a storage error; the text is the reason.
    Unavailable(String),
}

/// The number of rows of a CSV file by outcome.
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

/// The number of imported, present, deleted and failed rows, for users and for foods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    pub(crate) users: Counts,
    pub(crate) foods: Counts,
}

impl Summary {
    /// Returns whether no row of either file has failed.
    pub fn is_complete(&self) -> bool {
        self.users.failed == 0 && self.foods.failed == 0
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "users: {}; foods: {}", self.users, self.foods)
    }
}

/// The report of one CSV file, written row by row.
pub(crate) struct Report<'a, W> {
    out: &'a mut W,
    file: &'a Path,
    progress: ProgressBar,
    pub(crate) counts: Counts,
    /// The number of consecutive rows with storage errors, up to the last reported row.
    pub(crate) unavailable: usize,
}

impl<'a, W: Write> Report<'a, W> {
    /// Starts the report of `file` with a progress bar on standard error, hidden unless that is a terminal.
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
        line: usize,
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
