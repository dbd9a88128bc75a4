//! Tests the user repository contract on `DynamoDB`.

use std::sync::Arc;

use domain::storage::StorageError;
use domain::testing::sample;
use domain::user::UserRepository as _;
use engines::Engines;
use infrastructure::dynamodb::DynamoDbUsers;

async fn on_dynamodb() -> (DynamoDbUsers, Arc<Engines>) {
    let engines = Engines::shared();
    let table = engines.tables().await.users;
    let users = DynamoDbUsers::new(engines.aws().dynamodb(), table);
    (users, engines)
}

domain::user_repository_contract!(on_dynamodb().await);

#[tokio::test]
async fn missing_dynamodb_table_is_a_permanent_error() {
    let engines = Engines::shared();
    let users = DynamoDbUsers::new(engines.aws().dynamodb(), "no-such-table".to_owned());
    let found = users.find(sample::user().public.id).await;
    assert!(matches!(found, Err(StorageError::Rejected(_))), "{found:?}");
}
