//! Adapters for the ports of the domain: users, foods and sessions on `DynamoDB`, sessions on a
//! Redis-compatible server, images on S3, JWT tokens, Argon2id password hashes.

/// Password hashing with Argon2id; verifies migrated bcrypt hashes too.
pub mod argon2;
/// AWS clients for fast cold starts.
pub mod aws;
/// Digests of personal data.
pub mod digest;
/// Users, foods and sessions on `DynamoDB`.
pub mod dynamodb;
/// Digests that identify an idempotent request.
pub mod idempotency;
/// JWT access and refresh tokens, signed with HS256.
pub mod jwt;
/// Creates image renditions with the crate `media`.
pub mod media;
/// Sessions, idempotency records and rate limits on a Redis-compatible server.
pub mod redis;
/// Images and uploads on S3.
pub mod s3;
/// The session store that `TOKEN_STORE_URL` selects: `DynamoDB` or Redis.
pub mod sessions;
