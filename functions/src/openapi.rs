//! The `OpenAPI` 3.1 document, made of what the code is made of: the routes, the shapes of bodies, and the
//! errors that handlers return.

mod document;
mod errors;
mod operation;

/// Ids for examples, the same wherever the same thing is meant.
pub(crate) mod example {
    pub(crate) const FOOD_ID: &str = "01990000-0000-7000-8000-00000000f001";
    pub(crate) const IMAGE_ID: &str = "01990000-0000-7000-8000-000000001a6e";
    pub(crate) const SESSION_ID: &str = "01990000-0000-7000-8000-000000005e51";
    pub(crate) const USER_ID: &str = "01990000-0000-7000-8000-00000000ada0";
}

pub(crate) use document::document;
pub(crate) use operation::{Described, Example, Operation};
