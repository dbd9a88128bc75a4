//! All functions in one process, for the laptop and for tests: the same handlers, made from the same
//! settings, given the same events.

use crate::apigw::handle_event;
use crate::dependencies::{Dependencies, FromDependencies as _};
use crate::settings::{Settings, SettingsError};
use crate::telemetry::Outcome;
use crate::triggers::ScheduledHandler as _;
use crate::{for_each_function, handlers};

macro_rules! api {
    (
        routes { $($name:ident $handler:ident $route:tt;)* }
        without_route { $($other:ident $other_handler:ident $trigger:tt;)* }
    ) => {
        /// All functions.
        pub struct Api {
            $($name: handlers::$handler,)*
            $($other: handlers::$other_handler,)*
        }

        impl Api {
            /// Makes every function. Connects to nothing.
            pub fn new(settings: &Settings) -> Result<Self, SettingsError> {
                let setup = &Dependencies::new(settings.clone())?;
                Ok(Self {
                    $($name: handlers::$handler::new(setup)?,)*
                    $($other: handlers::$other_handler::new(setup)?,)*
                })
            }

            /// Invokes the function of this name, as in [`crate::routes::ROUTES`], and returns its response
            /// as JSON with what the log records of it. `None` when there is no such function.
            pub async fn watch(&self, function: &str, event: &str) -> Option<(String, Outcome)> {
                let response = match function {
                    $(stringify!($name) => handle_event(&self.$name, event).await,)*
                    _ => return None,
                };
                let json = serde_json::to_string(&response).expect("our headers are text");
                Some((json, response.outcome))
            }
        }

        /// The `OpenAPI` document of this version.
        #[cfg(feature = "openapi")]
        pub fn openapi_document() -> serde_json::Value {
            use crate::openapi::OpenApiOperation as _;
            crate::openapi::document(vec![$(handlers::$handler::operation()),*])
        }
    };
}

for_each_function!(api);

impl Api {
    /// Invokes the function of this name, and returns its response as JSON.
    pub async fn invoke(&self, function: &str, event: &str) -> Option<String> {
        let (response, _) = self.watch(function, event).await?;
        Some(response)
    }

    /// Runs the daily sweep once.
    pub async fn sweep_images(&self) {
        if let Err(error) = self.sweep_images.run().await {
            tracing::warn!(error, "images are not swept");
        }
    }
}
