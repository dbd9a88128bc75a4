//! A part of a list, and where the next part begins.

use thiserror::Error;

/// How many entries one part of a list may have: 1 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageSize(usize);

/// A number of entries that no part of a list may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a limit is a number from 1 to {max}", max = PageSize::MAX)]
pub struct InvalidPageSize;

impl PageSize {
    /// The most entries of one part.
    pub const MAX: usize = 100;

    /// The only way in.
    pub fn parse(raw: &str) -> Result<Self, InvalidPageSize> {
        // `+5` is a number for the standard library, but not in a query.
        if !raw.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(InvalidPageSize);
        }
        match raw.parse() {
            Ok(size @ 1..=Self::MAX) => Ok(Self(size)),
            _ => Err(InvalidPageSize),
        }
    }

    /// The number of entries.
    pub fn get(self) -> usize {
        self.0
    }
}

impl Default for PageSize {
    /// As many as there may be.
    fn default() -> Self {
        Self(Self::MAX)
    }
}

/// Which part of a list is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRequest<Id> {
    /// The last entry already seen; `None` for the beginning.
    pub after: Option<Id>,
    /// How many entries at most.
    pub size: PageSize,
}

impl<Id> PageRequest<Id> {
    /// As many entries as there may be, after this one.
    pub fn largest(after: Option<Id>) -> Self {
        let size = PageSize::default();
        Self { after, size }
    }
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The entries, in the list's order.
    pub items: Vec<T>,
    /// Whether more entries follow.
    pub more: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_size_is_a_number_from_1_to_100() {
        for (raw, size) in [("1", 1), ("100", 100), ("007", 7)] {
            assert_eq!(PageSize::parse(raw).map(PageSize::get), Ok(size));
        }
        for raw in [
            "",
            "0",
            "101",
            "-1",
            "+5",
            "1.0",
            "ten",
            "99999999999999999999",
            "１",
        ] {
            assert_eq!(PageSize::parse(raw), Err(InvalidPageSize), "{raw}");
        }
    }
}
