//! The description of the API as it stands in `openapi.json`, which its function serves.

/// The file, as it should be.
pub fn text() -> String {
    let document = functions::openapi::document();
    let text = serde_json::to_string_pretty(&document).expect("texts and numbers");
    format!("{text}\n")
}
