//! What the tests share.

pub mod client;
pub mod form;
pub mod pictures;
pub mod runtime_api;
pub mod scene;

pub use client::{Answer, Api};
pub use form::Form;
