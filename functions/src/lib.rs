//! The functions of the API: one binary for each, and what they share.
//!
//! API Gateway makes an event of a request. [`serve`] passes it to [`apigw::handle_event`], which parses it, calls the
//! [`HttpHandler`] of the route and encodes the response. A handler parses, acts and responds. Its errors become an
//! [`ApiError`]; only `error` knows the status and the codes of each.

/// All functions in one process, for the laptop and for tests.
pub mod api;
/// Events of API Gateway and their responses.
pub mod apigw;
/// Adapters, made from settings.
pub mod dependencies;
mod error;
/// What each route does.
pub mod handlers;
/// Parts of HTTP that routes share.
pub mod http;
/// The `OpenAPI` document.
#[cfg(feature = "openapi")]
pub mod openapi;
/// The table of functions.
pub mod routes;
mod serve;
/// Settings from the environment.
pub mod settings;
mod telemetry;
/// Functions that no request invokes.
pub mod triggers;

pub use apigw::HttpHandler;
pub use dependencies::Dependencies;
pub use error::{ApiError, ErrorReport};
pub use lambda_http::Request;
pub use lambda_runtime::Error;
pub use serve::{serve, serve_scheduled};
pub use settings::SettingsError;
pub use telemetry::Outcome;
pub use triggers::ScheduledHandler;

pub use crate::http::response::Response;

/// Makes the `main` of a function with a route.
#[macro_export]
macro_rules! main {
    ($handler:ident) => {
        #[tokio::main(flavor = "current_thread")]
        async fn main() -> Result<(), $crate::Error> {
            $crate::serve::<$crate::handlers::$handler>().await
        }
    };
}
