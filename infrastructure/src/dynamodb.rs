//! Users, foods and sessions on `DynamoDB`. No operation scans: what a request costs does not grow
//! with the data.

mod error;
mod foods;
mod idempotency;
mod item;
mod page;
mod rate_limits;
mod sessions;
/// The tables: their keys, indexes and attributes.
pub mod table;
mod transaction;
mod users;

pub use foods::DynamoDbFoods;
pub use sessions::DynamoDbSessions;
pub use users::DynamoDbUsers;
