//! Generates the `OpenAPI` 3.1 document from the routes, the body types and the errors of the handlers.

mod document;
mod errors;
mod operation;

/// Example bodies. All examples refer to one user, one food, one image and one session.
pub(crate) mod example;

pub(crate) use document::document;
pub(crate) use operation::{OpenApiOperation, Operation};
