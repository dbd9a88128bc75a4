//! Sessions on a Redis-compatible server: Redis 6.2 or later, Valkey, `ElastiCache`.

mod connection;
mod idempotency;
mod rate_limits;
mod sessions;

pub use connection::InvalidTokenStoreUrl;
pub use sessions::RedisSessions;
