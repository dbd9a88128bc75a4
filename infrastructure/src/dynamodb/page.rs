//! Reads pages of an index in several queries, so that the size of its items does not determine the cost.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::page::{Page, PageRequest};
use domain::storage::StorageError;

use super::item::{Item, text};
use crate::aws::map_sdk_error;

/// Size at which a page ends. `DynamoDB` charges half a read unit for 4 KB, so this costs 64 units.
const PAGE_BYTES: usize = 512 * 1024;
/// Maximum size of a number attribute.
const MAX_NUMBER_BYTES: usize = 21;

/// One partition of a global secondary index, in the order of its sort key.
pub(super) struct Index<'a> {
    pub(super) table: &'a str,
    pub(super) name: &'a str,
    /// Name and value of the partition key.
    pub(super) partition: (&'a str, &'a str),
    /// Name of the sort key.
    pub(super) sort: &'a str,
    pub(super) ascending: bool,
    /// The maximum size of an item. If an older item is larger, the last query of a page may exceed [`PAGE_BYTES`]; at
    /// 1 MB, `DynamoDB` ends it.
    pub(super) max_item_bytes: usize,
}

/// Reads a page, which ends early at [`PAGE_BYTES`]. Each query reads at most as many items as fit even if they have
/// the maximum size. The last item is read only to set [`Page::more`].
pub(super) async fn list<Id: ToString, T>(
    client: &Client,
    index: &Index<'_>,
    request: PageRequest<Id>,
    parse: impl Fn(&Item) -> Result<T, StorageError>,
) -> Result<Page<T>, StorageError> {
    let size = request.size.get();
    let mut items = Vec::with_capacity(size + 1);
    let (mut start, mut bytes) = (None, 0);
    loop {
        let fitting = PAGE_BYTES.saturating_sub(bytes) / index.max_item_bytes;
        let limit = fitting.min(size + 1 - items.len());
        if limit == 0 {
            break;
        }
        let mut query = client
            .query()
            .table_name(index.table)
            .index_name(index.name)
            .expression_attribute_names("#partition", index.partition.0)
            .expression_attribute_values(":partition", text(index.partition.1))
            .scan_index_forward(index.ascending)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .set_exclusive_start_key(start);
        query = match &request.after {
            None => query.key_condition_expression("#partition = :partition"),
            Some(after) => query
                .key_condition_expression(if index.ascending {
                    "#partition = :partition AND #sort > :after"
                } else {
                    "#partition = :partition AND #sort < :after"
                })
                .expression_attribute_names("#sort", index.sort)
                .expression_attribute_values(":after", text(after.to_string())),
        };
        let response = query.send().await.map_err(map_sdk_error)?;
        for item in response.items() {
            bytes += stored_size(item);
            items.push(parse(item)?);
        }
        start = response.last_evaluated_key;
        if start.is_none() {
            break;
        }
    }
    let more = start.is_some() || items.len() > size;
    if more {
        items.pop();
    }
    Ok(Page { items, more })
}

/// Returns the size of an item as `DynamoDB` counts it: names and values, numbers at most.
fn stored_size(item: &Item) -> usize {
    let value_size = |value: &AttributeValue| value.as_s().map_or(MAX_NUMBER_BYTES, String::len);
    item.iter().map(|(name, value)| name.len() + value_size(value)).sum()
}
