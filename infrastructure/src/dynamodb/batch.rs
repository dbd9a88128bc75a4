//! Reads many items by their keys.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::KeysAndAttributes;
use domain::storage::StorageError;
use futures_util::future::try_join_all;

use super::item::Item;
use super::transaction;
use crate::aws::map_sdk_error;

/// Maximum number of keys of a `BatchGetItem` request.
const MAX_KEYS: usize = 100;

/// What to read of the items of a table.
pub(super) struct Batch<'a> {
    pub(super) table: &'a str,
    /// The attributes to return; `None` for all.
    pub(super) projection: Option<&'a str>,
    pub(super) consistent: bool,
}

impl Batch<'_> {
    /// Returns the items of those of these ids that exist, in any order. Sends one request for 100 ids, concurrently.
    pub(super) async fn get<Id: Copy + Ord>(
        &self,
        client: &Client,
        ids: &[Id],
        key: impl Fn(Id) -> Item,
    ) -> Result<Vec<Item>, StorageError> {
        // A request must not contain a key twice.
        let ids: BTreeSet<_> = ids.iter().copied().collect();
        let keys: Vec<_> = ids.into_iter().map(key).collect();
        let items = keys.chunks(MAX_KEYS).map(|keys| self.get_chunk(client, keys));
        Ok(try_join_all(items).await?.into_iter().flatten().collect())
    }

    async fn get_chunk(&self, client: &Client, keys: &[Item]) -> Result<Vec<Item>, StorageError> {
        let keys = KeysAndAttributes::builder()
            .set_keys(Some(keys.to_vec()))
            .set_projection_expression(self.projection.map(str::to_owned))
            .consistent_read(self.consistent)
            .build()
            .expect("keys");
        let mut pending = HashMap::from([(self.table.to_owned(), keys)]);
        let (mut found, mut pauses) = (Vec::new(), transaction::pauses());
        loop {
            let response = client.batch_get_item().set_request_items(Some(pending)).send().await;
            let response = response.map_err(map_sdk_error)?;
            found.extend(response.responses.into_iter().flat_map(HashMap::into_values).flatten());
            pending = response.unprocessed_keys.unwrap_or_default();
            if pending.is_empty() {
                return Ok(found);
            }
            // The response is throttled or exceeds 16 MB.
            let Some(pause) = pauses.next() else {
                let error = "DynamoDB left keys of a batch unprocessed";
                return Err(StorageError::Unavailable(error.into()));
            };
            tokio::time::sleep(pause).await;
        }
    }
}
