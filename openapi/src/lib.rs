//! The description of the API as it stands in `openapi.json`, which its function serves, and in words in `docs/API.md`.

mod markdown;

use std::fmt;

/// Each file, by its path in the repository, as it should be.
///
/// # Errors
///
/// Where text cannot be written into text, which does not happen.
pub fn files() -> Result<[(&'static str, String); 2], fmt::Error> {
    let document = functions::openapi::document();
    Ok([
        ("openapi.json", format!("{document:#}\n")),
        ("docs/API.md", markdown::markdown(&document)?),
    ])
}
