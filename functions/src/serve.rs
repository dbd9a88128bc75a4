//! The life of a function: from its start to its last event.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use tokio::task::yield_now;

use crate::event::{Event, Handler, answer};
use crate::settings::{Settings, SettingsError};
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
    let setup = Setup::new(Settings::from_env()).inspect_err(tell)?;
    setup.connect();
    // Connecting begins here, and goes on while the rest is made ready.
    yield_now().await;
    let handler = H::new(&setup).inspect_err(tell)?;
    let handler = &handler;
    // The runtime puts each call into a span with its request id.
    lambda_runtime::run(service_fn(|event: LambdaEvent<Event>| async move {
        Ok::<_, Error>(answer(handler, event.payload).await)
    }))
    .await
}

fn tell(error: &SettingsError) {
    tracing::error!(setting = error.name, "{error}");
}
