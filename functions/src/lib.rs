//! The functions of the API: one binary for each, and what they share.
//!
//! API Gateway makes an event of a request; [`serve`] passes it to [`event::answer`], which parses it,
//! calls the [`Handler`] of the route and writes the response. A handler parses, acts and responds. Its
//! errors become an [`ApiError`], and `error` alone knows the status and the codes of each.

/// All functions in one process, for the laptop and for tests.
pub mod api;
mod auth;
mod error;
mod etag;
/// From an API Gateway event to a reply.
pub mod event;
mod food_request;
/// The multipart form of a food.
pub mod form;
/// What each route does.
pub mod handlers;
mod idempotency;
/// The description of the API.
#[cfg(feature = "openapi")]
pub mod openapi;
/// Paging: what is asked for, and where the next part is.
pub mod page;
mod request;
mod response;
/// The table of functions.
pub mod routes;
/// Functions that no request calls, but the clock.
pub mod scheduled;
mod serve;
/// What the environment tells a function.
pub mod settings;
/// Adapters, made from settings.
pub mod setup;
mod telemetry;

pub use error::{ApiError, ErrorReport};
pub use event::Handler;
pub use lambda_http::Request;
pub use lambda_runtime::Error;
pub use response::Reply;
pub use scheduled::Scheduled;
pub use serve::{serve, serve_scheduled};
pub use settings::SettingsError;
pub use setup::Setup;
pub use telemetry::Outcome;

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
