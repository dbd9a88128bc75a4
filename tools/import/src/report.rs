//! The report: a line for each row that was not taken, and how many rows of each kind there are.

use std::fmt;
use std::io::{self, Write};
use std::path::Path;

/// What became of a row.
#[derive(Debug)]
pub(crate) enum Outcome {
    Imported,
    AlreadyThere,
    Deleted,
    NotTaken(String),
    /// Not taken for a reason that is not the row's.
    Unavailable(String),
}

/// How many rows of a file there are of each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    imported: usize,
    already_there: usize,
    deleted: usize,
    not_taken: usize,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} imported, {} already there, {} deleted before, {} not taken",
            self.imported, self.already_there, self.deleted, self.not_taken
        )
    }
}

/// What became of everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    pub(crate) users: Counts,
    pub(crate) foods: Counts,
}

impl Summary {
    /// Whether every row was taken.
    pub fn is_complete(&self) -> bool {
        self.users.not_taken == 0 && self.foods.not_taken == 0
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "users: {}; foods: {}", self.users, self.foods)
    }
}

/// The report on one file, written row by row.
pub(crate) struct Report<'a, W> {
    pub(crate) out: &'a mut W,
    pub(crate) file: &'a Path,
    pub(crate) counts: Counts,
    /// How many rows in succession were unavailable.
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
        let (count, why) = match outcome {
            Outcome::Imported => (&mut counts.imported, None),
            Outcome::AlreadyThere => (&mut counts.already_there, None),
            Outcome::Deleted => (&mut counts.deleted, None),
            Outcome::NotTaken(why) | Outcome::Unavailable(why) => {
                (&mut counts.not_taken, Some(why))
            }
        };
        *count += 1;
        let Some(why) = why else {
            return Ok(());
        };
        let id = old_id.map_or_else(|| "?".to_owned(), |id| id.to_string());
        writeln!(self.out, "{}:{line}: id {id}: {why}", self.file.display())
    }
}
