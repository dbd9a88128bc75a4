//! Reading a part of an index in one direction, filled however often `DynamoDB` stops at 1 MB.

use aws_sdk_dynamodb::Client;
use domain::page::{Page, PageRequest};
use domain::storage::StorageError;

use super::error::map_sdk_error;
use super::item::{Item, text};

/// One partition of a global secondary index, in the order of its sort key.
pub(super) struct Index<'a> {
    pub(super) table: &'a str,
    pub(super) name: &'a str,
    /// The partition key's name and value.
    pub(super) partition: (&'a str, &'a str),
    /// The sort key's name.
    pub(super) sort: &'a str,
    pub(super) ascending: bool,
}

/// The part of the index that is asked for. Reads one entry more than that, to know whether more
/// follow: its cost depends on the size of the part only.
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
        let wanted = i32::try_from(size + 1 - items.len()).unwrap_or(i32::MAX);
        let mut query = client
            .query()
            .table_name(index.table)
            .index_name(index.name)
            .expression_attribute_names("#partition", index.partition.0)
            .expression_attribute_values(":partition", text(index.partition.1))
            .scan_index_forward(index.ascending)
            .limit(wanted)
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
        let answer = query.send().await.map_err(map_sdk_error)?;
        for item in answer.items() {
            items.push(parse(item)?);
        }
        start = answer.last_evaluated_key;
        if items.len() > size || start.is_none() {
            break;
        }
    }
    let more = items.len() > size;
    items.truncate(size);
    Ok(Page { items, more })
}
