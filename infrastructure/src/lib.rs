//! The ports of the domain over real technology: users, foods and sessions on `DynamoDB`, sessions
//! on a Redis-compatible server, images on S3, tokens as JWT, passwords as Argon2id.

/// Passwords as Argon2id hashes; bcrypt hashes from a migration still verify.
pub mod argon2;
/// AWS clients, built lean.
pub mod aws;
/// Digests as text.
mod digest;
/// Users, foods and sessions on `DynamoDB`.
pub mod dynamodb;
/// What is kept of a request under an idempotency key: digests.
pub mod idempotency;
/// Tokens as JWT, signed with HS256.
pub mod jwt;
/// Renditions of images.
pub mod media;
/// Sessions on a Redis-compatible server.
pub mod redis;
/// Images and uploads on S3.
pub mod s3;
/// The token table on whichever technology the settings choose.
pub mod sessions;
