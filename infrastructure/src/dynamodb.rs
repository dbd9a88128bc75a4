//! Users, foods, likes and sessions on `DynamoDB`. Only training uses `Scan`, so the cost of a request does not
//! grow with the table.

mod batch;
mod foods;
mod idempotency;
mod item;
mod likes;
mod page;
mod rate_limits;
mod sessions;
/// Names of keys, indexes and attributes of the tables.
pub mod table;
mod transaction;
mod update;
mod users;

pub use foods::DynamoDbFoods;
pub use likes::DynamoDbLikes;
pub use sessions::DynamoDbSessions;
pub use users::DynamoDbUsers;
pub(crate) use users::{ACCOUNT, Projection, VERSION};
