//! The contract of the accounts, on the real engine.

use domain::storage::StorageError;
use domain::testing::{contracts, sample};
use domain::user::UserRepository as _;
use engines::Engines;
use infrastructure::dynamodb::DynamoDbUsers;

#[tokio::test]
async fn accounts_on_dynamodb_meet_the_contract() {
    let engines = Engines::shared();
    let table = engines.tables().await.users;
    contracts::user_repository(&DynamoDbUsers::new(engines.aws().dynamodb(), table)).await;
}

#[tokio::test]
async fn a_table_that_is_not_there_is_a_refusal_and_not_worth_another_try() {
    let engines = Engines::shared();
    let users = DynamoDbUsers::new(engines.aws().dynamodb(), "no-such-table".to_owned());
    let found = users.find(sample::user().public.id).await;
    assert!(matches!(found, Err(StorageError::Refused(_))), "{found:?}");
}
