//! Sessions, idempotency records and rate limits on Redis 6.2 or later, Valkey or `ElastiCache`. Every
//! write is one script or transaction, so it is atomic.

mod connection;
mod idempotency;
mod rate_limits;
mod sessions;

pub use connection::InvalidTokenStoreUrl;
pub use sessions::RedisSessions;
