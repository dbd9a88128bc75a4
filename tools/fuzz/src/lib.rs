//! What hostile input may not do: one function for each kind of input, which panics where a promise
//! is broken. `make fuzz` looks for such input, guided by coverage; the tests replay what is kept in
//! `corpus/`.

mod api;
mod form;
mod values;

pub use api::{event, request};
pub use form::form;
pub use values::{cursor, email, html, image, jwt};

/// Looks at one input.
pub type Target = fn(&[u8]);

/// Every target: its name, which is that of its program and of its corpus.
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
