//! Tests the contracts of likes and neighbours on `DynamoDB`.

use std::sync::Arc;

use engines::Engines;
use infrastructure::dynamodb::DynamoDbLikes;

async fn on_dynamodb() -> (DynamoDbLikes, Arc<Engines>) {
    let engines = Engines::shared();
    let table = engines.tables().await.likes;
    let likes = DynamoDbLikes::new(engines.aws().dynamodb(), table);
    (likes, engines)
}

domain::like_repository_contract!(on_dynamodb().await);
domain::neighbour_store_contract!(on_dynamodb().await);
