//! The life of a function: from its start to its last event.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::value::RawValue;

use crate::event::{Handler, answer};
use crate::settings::Settings;
use crate::setup::Setup;

/// Starts the log, makes the function from the environment, and answers events until Lambda ends
/// the process. A setting that is missing or wrong ends it at once, with the setting's name.
pub async fn serve<H: Handler>() -> Result<(), Error> {
    tracing_subscriber::fmt()
        .json()
        .with_max_level(tracing::Level::INFO)
        .with_target(false)
        .without_time() // CloudWatch has it
        .init();
    let handler = Setup::new(Settings::from_env())
        .and_then(|setup| H::new(&setup))
        .inspect_err(|error| tracing::error!(setting = error.name, "{error}"))?;
    let handler = &handler;
    // The runtime puts each call into a span with its request id.
    lambda_runtime::run(service_fn(|event: LambdaEvent<Box<RawValue>>| async move {
        Ok::<_, Error>(answer(handler, event.payload.get()).await)
    }))
    .await
}
