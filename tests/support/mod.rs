//! What the tests share.

pub(crate) mod client;
pub(crate) mod faults;
pub(crate) mod form;
pub(crate) mod log;
pub(crate) mod pictures;
pub(crate) mod recorder;
pub(crate) mod redis_proxy;
pub(crate) mod runtime_api;
pub(crate) mod scene;
pub(crate) mod template;

pub(crate) use client::{Answer, Api};
pub(crate) use form::Form;
