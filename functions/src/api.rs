//! Runs all functions in one process, for the local server and tests, with the handlers, settings and events of the
//! cloud.

use crate::apigw::handle_event;
use crate::dependencies::{Dependencies, FromDependencies as _};
use crate::settings::{Settings, SettingsError};
use crate::telemetry::Outcome;
use crate::triggers::{BatchResponse, ScheduledHandler as _, StreamEvent, StreamHandler as _};
use crate::{Error, for_each_function, handlers};

macro_rules! api {
    (
        routes { $($name:ident $handler:ident $route:tt;)* }
        without_route { $($other:ident $other_handler:ident $trigger:tt;)* }
    ) => {
        /// The handlers of all functions of the API.
        pub struct Api {
            $($name: handlers::$handler,)*
            $($other: handlers::$other_handler,)*
        }

        impl Api {
            /// Creates the handler of every function. Opens no connection.
            pub fn new(settings: &Settings) -> Result<Self, SettingsError> {
                let dependencies = &Dependencies::new(settings.clone())?;
                Ok(Self {
                    $($name: handlers::$handler::new(dependencies)?,)*
                    $($other: handlers::$other_handler::new(dependencies)?,)*
                })
            }

            /// Invokes a function by its name in [`crate::routes::ROUTES`]. Returns the response as JSON and the
            /// outcome for the request log, or `None` if no route has this name.
            pub async fn invoke_with_outcome(&self, function: &str, event: &str) -> Option<(String, Outcome)> {
                let response = match function {
                    $(stringify!($name) => handle_event(&self.$name, event).await,)*
                    _ => return None,
                };
                let json = serde_json::to_string(&response).expect("headers are text");
                Some((json, response.outcome))
            }
        }

        /// Generates the `OpenAPI` document.
        #[cfg(feature = "openapi")]
        pub fn openapi_document() -> serde_json::Value {
            use crate::openapi::OpenApiOperation as _;
            crate::openapi::document(vec![$(handlers::$handler::operation()),*])
        }
    };
}

for_each_function!(api);

impl Api {
    /// Invokes a function by name and returns its response as JSON, or `None` if no route has this name.
    pub async fn invoke(&self, function: &str, event: &str) -> Option<String> {
        let (response, _) = self.invoke_with_outcome(function, event).await?;
        Some(response)
    }

    /// Runs the daily deletion of unused images once. An error is logged.
    pub async fn sweep_images(&self) {
        if let Err(error) = self.sweep_images.run().await {
            tracing::warn!(error, "could not delete unused images");
        }
    }

    /// Runs the nightly training once. An error is logged.
    pub async fn train_recommendations(&self) {
        match self.train_recommendations.run().await {
            Ok(report) => {
                tracing::info!(
                    users = report.users,
                    foods = report.foods,
                    "trained recommendations"
                );
            }
            Err(error) => tracing::warn!(error, "could not train recommendations"),
        }
    }

    /// Handles a batch of changes of likes and foods. An error means that the first record failed.
    pub async fn update_recommendations(&self, event: StreamEvent) -> Result<BatchResponse, Error> {
        let (response, _) = self.update_recommendations.handle(event).await?;
        Ok(response)
    }
}
