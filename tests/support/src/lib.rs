//! The test harness: HTTP client, forms, fixture, a fake of the Lambda Runtime API, recording proxies and fault
//! injection.

#![allow(missing_docs, reason = "used by tests and benchmarks only")]
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

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
