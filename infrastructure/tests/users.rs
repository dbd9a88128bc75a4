//! The contract of the accounts, on the real engine.

use domain::testing::contracts;
use engines::Engines;
use infrastructure::dynamodb::DynamoDbUsers;

#[tokio::test]
async fn accounts_on_dynamodb_meet_the_contract() {
    let engines = Engines::shared();
    let table = engines.tables().await.users;
    contracts::user_repository(&DynamoDbUsers::new(engines.aws().dynamodb(), table)).await;
}
