//! Likes.

use aws_sdk_dynamodb::Client;

/// A store of likes, and of what is derived from them, on a `DynamoDB` table.
#[derive(Debug, Clone)]
pub struct DynamoDbLikes {
    client: Client,
    table: String,
}

impl DynamoDbLikes {
    /// Creates a store on this table. Sends no request.
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }
}
