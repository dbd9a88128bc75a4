//! The API as `OpenAPI` 3.1 describes it, made of what the code is made of: the routes, the shapes of bodies, and the very errors
//! that handlers answer with.

mod document;
mod errors;
mod operation;

pub use document::document;
pub(crate) use operation::{Described, Example, Operation};
