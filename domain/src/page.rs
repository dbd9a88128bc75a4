//! Pagination of lists.

use thiserror::Error;

/// The maximum number of entries of a page: 1 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageSize(usize);

/// The error of an invalid page size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a limit is a number from 1 to {max}", max = PageSize::MAX)]
pub struct InvalidPageSize;

impl PageSize {
    /// The largest page size.
    pub const MAX: usize = 100;

    /// Parses a decimal number from 1 to 100 without a sign.
    pub fn parse(raw: &str) -> Result<Self, InvalidPageSize> {
        // The standard library also accepts `+5`.
        if !raw.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(InvalidPageSize);
        }
        match raw.parse() {
            Ok(size @ 1..=Self::MAX) => Ok(Self(size)),
            _ => Err(InvalidPageSize),
        }
    }

    /// Returns the maximum number of entries.
    pub fn get(self) -> usize {
        self.0
    }
}

impl Default for PageSize {
    /// Returns the largest page size, which a request has by default.
    fn default() -> Self {
        Self(Self::MAX)
    }
}

/// A request for one page of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRequest<Id> {
    /// The last entry of the previous page; `None` for the first page.
    pub after: Option<Id>,
    /// The maximum number of entries to return.
    pub size: PageSize,
}

impl<Id> PageRequest<Id> {
    /// Requests a page of the largest size after the entry `after`.
    pub fn with_max_size(after: Option<Id>) -> Self {
        let size = PageSize::default();
        Self { after, size }
    }
}

/// One page of a list. It may have fewer entries than requested, although the list has more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The entries, in the order of the list.
    pub items: Vec<T>,
    /// Whether the list has entries after this page.
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
        for raw in ["", "0", "101", "-1", "+5", "1.0", "ten", "99999999999999999999", "１"] {
            assert_eq!(PageSize::parse(raw), Err(InvalidPageSize), "{raw}");
        }
    }
}
