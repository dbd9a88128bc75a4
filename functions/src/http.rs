//! HTTP features that several routes share: authentication, paging, entity tags, idempotency keys, forms.

pub(crate) mod auth;
pub(crate) mod etag;
pub(crate) mod idempotency;
pub mod multipart;
pub mod pagination;
pub(crate) mod request;
pub(crate) mod response;
