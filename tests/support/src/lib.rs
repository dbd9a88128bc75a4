//! The harness of all tests: a client of the API, forms, stand-ins for what runs around a function,
//! and the fixture.

#![allow(missing_docs, reason = "only tests and measurements call it")]
#![allow(clippy::unwrap_used, reason = "a test stops here")]

pub mod client;
pub mod faults;
pub mod fixture;
pub mod form;
pub mod function;
pub mod images;
pub mod log;
pub mod recorder;
pub mod redis_proxy;
pub mod runtime_api;
pub mod server;
pub mod template;
#[cfg(target_os = "linux")] // `/proc`
pub mod usage;

mod api;

pub use api::{Api, NO_RATE_LIMITS};
pub use client::{Client, Member, PASSWORD, Response, food_path, text};
pub use fixture::{Fixture, event};
pub use form::Form;
pub use function::Function;
