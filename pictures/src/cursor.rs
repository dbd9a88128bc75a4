//! Reading numbers and parts from bytes that may end too early.

use crate::Invalid;

/// A place in bytes; reading past their end is [`Invalid::NotAPicture`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], Invalid> {
        let (head, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or(Invalid::NotAPicture)?;
        self.rest = rest;
        Ok(head)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Invalid> {
        let (head, rest) = self
            .rest
            .split_first_chunk::<N>()
            .ok_or(Invalid::NotAPicture)?;
        self.rest = rest;
        Ok(*head)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Invalid> {
        self.array().map(|[byte]| byte)
    }

    pub(crate) fn u16_be(&mut self) -> Result<u16, Invalid> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u16_le(&mut self) -> Result<u16, Invalid> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u24_le(&mut self) -> Result<u32, Invalid> {
        self.array()
            .map(|[a, b, c]| u32::from_le_bytes([a, b, c, 0]))
    }

    pub(crate) fn u32_be(&mut self) -> Result<u32, Invalid> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn u32_le(&mut self) -> Result<u32, Invalid> {
        self.array().map(u32::from_le_bytes)
    }

    /// A big-endian number of `bytes` bytes, at most eight; of none it is 0.
    pub(crate) fn uint_be(&mut self, bytes: u8) -> Result<u64, Invalid> {
        let digits = self.take(usize::from(bytes))?;
        Ok(digits
            .iter()
            .fold(0, |number, &digit| number << 8 | u64::from(digit)))
    }
}
