//! Reads pages of an index. `DynamoDB` ends a query at 1 MB, so one page may need several queries.

use aws_sdk_dynamodb::Client;
use domain::page::{Page, PageRequest};
use domain::storage::StorageError;

use super::item::{Item, text};
use crate::aws::map_sdk_error;

/// One partition of a global secondary index, in the order of its sort key.
pub(super) struct Index<'a> {
    pub(super) table: &'a str,
    pub(super) name: &'a str,
    /// Name and value of the partition key.
    pub(super) partition: (&'a str, &'a str),
    /// Name of the sort key.
    pub(super) sort: &'a str,
    pub(super) ascending: bool,
}

/// Reads a page. Reads one more item than the page holds, to set [`Page::more`]; the cost depends on the
/// page size only.
pub(super) async fn list<Id: ToString, T>(
    client: &Client,
    index: &Index<'_>,
    request: PageRequest<Id>,
    parse: impl Fn(&Item) -> Result<T, StorageError>,
) -> Result<Page<T>, StorageError> {
    let size = request.size.get();
    let mut items = Vec::with_capacity(size + 1);
    let mut start = None;
    loop {
        let limit = i32::try_from(size + 1 - items.len()).unwrap_or(i32::MAX);
        let mut query = client
            .query()
            .table_name(index.table)
            .index_name(index.name)
            .expression_attribute_names("#partition", index.partition.0)
            .expression_attribute_values(":partition", text(index.partition.1))
            .scan_index_forward(index.ascending)
            .limit(limit)
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
            items.push(parse(item)?);
        }
        start = response.last_evaluated_key;
        if items.len() > size || start.is_none() {
            break;
        }
    }
    let more = items.len() > size;
    items.truncate(size);
    Ok(Page { items, more })
}
