//! `GET /openapi.json`: the description of the API.

use http::HeaderValue;
use lambda_http::Request;

use crate::settings::SettingsError;
use crate::setup::Setup;
use crate::{ApiError, Handler, Reply, response};

/// Written by the crate `openapi` from the code of all functions.
const DESCRIPTION: &str = include_str!("../../../openapi.json");

/// See the file.
pub struct GetOpenapi;

impl Handler for GetOpenapi {
    fn new(_: &Setup) -> Result<Self, SettingsError> {
        Ok(Self)
    }

    async fn handle(&self, _: Request) -> Result<Reply, ApiError> {
        let description = HeaderValue::from_static("application/json");
        Ok(response::document(description, DESCRIPTION.to_owned()))
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
