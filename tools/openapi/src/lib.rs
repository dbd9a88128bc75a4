//! Generates `openapi.json`, the `OpenAPI` document that the function `get_openapi` returns.

/// Returns the content of `openapi.json`, generated from the functions.
pub fn openapi_json() -> String {
    format!("{:#}\n", functions::api::openapi_document())
}
