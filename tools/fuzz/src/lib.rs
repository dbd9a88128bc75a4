//! Fuzz targets: one function for each kind of untrusted input, which panics if an invariant is broken.
//! `make fuzz` runs them with coverage guidance; the tests replay the inputs in `corpus/`.

mod api;
mod form;
mod values;

pub use api::{event, request};
pub use form::form;
pub use values::{cursor, email, html, image, jwt};

/// Checks one input.
pub type Target = fn(&[u8]);

/// All targets by name, which is also the name of the binary and of the corpus.
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
