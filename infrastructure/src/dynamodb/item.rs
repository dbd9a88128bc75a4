//! Converts `DynamoDB` attributes to values and back. A missing or invalid attribute is `Corrupt`, never a default
//! value.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::clock::Timestamp;
use domain::storage::StorageError;

pub(super) type Item = HashMap<String, AttributeValue>;

pub(super) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(super) fn number(value: impl std::fmt::Display) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

pub(super) fn millis(timestamp: Timestamp) -> AttributeValue {
    number(timestamp.unix_millis())
}

pub(super) fn corrupt(attribute: &str) -> StorageError {
    StorageError::Corrupt(format!("missing or invalid attribute {attribute}").into())
}

/// Returns a string attribute.
pub(super) fn read_text<'a>(item: &'a Item, name: &str) -> Result<&'a str, StorageError> {
    match item.get(name) {
        Some(AttributeValue::S(text)) => Ok(text),
        _ => Err(corrupt(name)),
    }
}

/// Parses a string attribute.
pub(super) fn read<T, E>(
    item: &Item,
    name: &str,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, StorageError> {
    parse(read_text(item, name)?).map_err(|_| corrupt(name))
}

/// Parses a string attribute; `None` if it is missing.
pub(super) fn read_optional<T, E>(
    item: &Item,
    name: &str,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<Option<T>, StorageError> {
    item.get(name).map(|_| read(item, name, parse)).transpose()
}

/// Parses a number attribute.
pub(super) fn read_number<T: std::str::FromStr>(
    item: &Item,
    name: &str,
) -> Result<T, StorageError> {
    match item.get(name) {
        Some(AttributeValue::N(number)) => number.parse().map_err(|_| corrupt(name)),
        _ => Err(corrupt(name)),
    }
}

/// Parses a number attribute that holds milliseconds since 1970.
pub(super) fn read_millis(item: &Item, name: &str) -> Result<Timestamp, StorageError> {
    Timestamp::from_unix_millis(read_number(item, name)?).ok_or_else(|| corrupt(name))
}
