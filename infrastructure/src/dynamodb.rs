//! Users, foods and sessions on `DynamoDB`. No operation scans: what a request costs does not grow
//! with the data.

mod attempts;
mod error;
mod foods;
mod item;
mod operations;
mod page;
mod sessions;
/// The tables: their keys, indexes and attributes.
pub mod table;
mod transaction;
mod users;

pub use foods::DynamoDbFoods;
pub use sessions::DynamoDbSessions;
pub use users::DynamoDbUsers;
