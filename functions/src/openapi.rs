//! The `OpenAPI` 3.1 document, made of what the code is made of: the routes, the shapes of bodies, and the
//! errors that handlers return.

mod document;
mod errors;
mod operation;

/// Examples of bodies, with the same id wherever the same thing is meant.
pub(crate) mod example;

pub(crate) use document::document;
pub(crate) use operation::{OpenApiOperation, Operation};
