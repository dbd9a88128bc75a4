//! `GET /openapi.json`: the `OpenAPI` document.

use crate::dependencies::FromDependencies;
use crate::http::response;
use crate::{ApiError, Dependencies, HttpHandler, Request, Response, SettingsError};

/// Written by the crate `openapi`.
const DOCUMENT: &str = include_str!("../../../openapi.json");

/// See the module.
pub struct GetOpenapi;

impl FromDependencies for GetOpenapi {
    fn new(_: &Dependencies) -> Result<Self, SettingsError> {
        Ok(Self)
    }
}

impl HttpHandler for GetOpenapi {
    async fn handle(&self, _: Request) -> Result<Response, ApiError> {
        Ok(response::document("application/json", DOCUMENT.to_owned()))
    }
}

#[cfg(feature = "openapi")]
impl crate::openapi::OpenApiOperation for GetOpenapi {
    fn operation() -> crate::openapi::Operation {
        crate::openapi::Operation::new("This description", "")
            .answers_with(
                200,
                "The API in OpenAPI 3.1.",
                "application/json",
                &serde_json::json!({"type": "object"}),
            )
            .kept(200)
    }
}
