//! Sessions on a Redis-compatible server: Redis 6.2 or later, Valkey, `ElastiCache`.

mod attempts;
mod connection;
mod operations;
mod sessions;

pub use connection::InvalidTokenStoreUrl;
pub use sessions::RedisSessions;
