//! `GET /openapi.json`: the `OpenAPI` document.

use crate::setup::FromSetup;
use crate::{ApiError, Handler, Reply, Request, SettingsError, Setup, response};

/// Written by the crate `openapi`.
const DOCUMENT: &str = include_str!("../../../openapi.json");

/// See the module.
pub struct GetOpenapi;

impl FromSetup for GetOpenapi {
    fn new(_: &Setup) -> Result<Self, SettingsError> {
        Ok(Self)
    }
}

impl Handler for GetOpenapi {
    async fn handle(&self, _: Request) -> Result<Reply, ApiError> {
        Ok(response::document("application/json", DOCUMENT.to_owned()))
    }
}

#[cfg(feature = "openapi")]
impl crate::openapi::Described for GetOpenapi {
    fn describe() -> crate::openapi::Operation {
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
