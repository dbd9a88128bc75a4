//! The `OpenAPI` document of the API as `openapi.json` has it, which the function `get_openapi` returns.

/// Makes the text of `openapi.json`.
pub fn openapi_json() -> String {
    format!("{:#}\n", functions::api::openapi_document())
}
