//! Fuzz targets: one function for each kind of untrusted input, which panics if an invariant is broken.
//! `make fuzz` runs the targets with coverage guidance; the tests replay the inputs in `corpus/`.

mod api;
mod form;
mod values;

pub use api::{event, request};
pub use form::form;
pub use values::{cursor, email, html, image, jwt};

/// A fuzz target: checks one input and panics if an invariant is broken.
pub type Target = fn(&[u8]);

/// All fuzz targets by name. The binary and the folder of the corpus have the same name.
pub const TARGETS: [(&str, Target); 8] = [
    ("cursor", cursor),
    ("email", email),
    ("event", event),
    ("form", form),
    ("html", html),
    ("image", image),
    ("jwt", jwt),
    ("request", request),
];
