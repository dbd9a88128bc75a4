//! The Lambda functions of the API, one binary each, and their shared code.
//!
//! API Gateway converts a request to an event. [`serve`] passes the event to [`apigw::handle_event`], which parses it,
//! calls the [`HttpHandler`] of the route and encodes the response. Every error becomes an [`ApiError`]; only the
//! module `error` contains its status and codes.

/// All functions in one process, for the local server and tests.
pub mod api;
/// API Gateway events and responses.
pub mod apigw;
/// Creates adapters from settings.
pub mod dependencies;
mod error;
/// The handlers, one per function.
pub mod handlers;
/// HTTP features that several routes share: authentication, paging, entity tags, idempotency keys, forms.
pub mod http;
/// Generates the `OpenAPI` document.
#[cfg(feature = "openapi")]
pub mod openapi;
/// The table of functions with their routes and memory sizes.
pub mod routes;
mod serve;
/// Settings from the environment.
pub mod settings;
mod telemetry;
/// Functions that no request invokes: scheduled functions and functions of streams.
pub mod triggers;

pub use apigw::HttpHandler;
pub use dependencies::Dependencies;
pub use error::{ApiError, ErrorReport};
pub use lambda_http::Request;
pub use lambda_runtime::Error;
pub use serve::{serve, serve_scheduled, serve_stream};
pub use settings::SettingsError;
pub use telemetry::Outcome;
pub use triggers::{ScheduledHandler, StreamHandler};

pub use crate::http::response::Response;

/// Defines `main` for the binary of a function with a route.
#[macro_export]
macro_rules! main {
    ($handler:ident) => {
        #[tokio::main(flavor = "current_thread")]
        async fn main() -> Result<(), $crate::Error> {
            $crate::serve::<$crate::handlers::$handler>().await
        }
    };
}
