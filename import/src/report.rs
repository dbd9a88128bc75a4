//! What is said about the rows: which were not taken, and how many of each kind there are.

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
    /// The same, and the reason is not the row's.
    Unavailable(String),
}

/// How many rows of a file there are of each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Written; in a dry run, those that would be.
    pub imported: usize,
    /// Written by a run before.
    pub already_there: usize,
    /// Marked as deleted by the old service, and left out.
    pub deleted: usize,
    /// Reported, one line each.
    pub not_taken: usize,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            imported,
            already_there,
            deleted,
            not_taken,
        } = self;
        write!(
            f,
            "{imported} imported, {already_there} already there, {deleted} deleted before, \
             {not_taken} not taken"
        )
    }
}

/// What became of everything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Of the users.
    pub users: Counts,
    /// Of the foods.
    pub foods: Counts,
}

impl Summary {
    /// Whether nothing is left to do.
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
    /// How many rows in a row failed for no reason of theirs.
    pub(crate) unavailable: usize,
}

impl<W: Write> Report<'_, W> {
    pub(crate) fn row(
        &mut self,
        line: u64,
        old_id: Option<u64>,
        outcome: Outcome,
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
