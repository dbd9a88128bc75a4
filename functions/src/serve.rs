//! Starts a function and runs its event loop.

use std::time::Duration;

use domain::clock::{Clock as _, SystemClock, Timestamp};
use lambda_runtime::{Context, Error, LambdaEvent, service_fn};
use serde::de::IgnoredAny;
use tokio::task::yield_now;

use crate::apigw::{Event, HttpHandler, handle_event, handle_event_with_deadline};
use crate::dependencies::Dependencies;
use crate::settings::{Settings, SettingsError};
use crate::telemetry::Telemetry;
use crate::telemetry::log::Log;
use crate::triggers::{ScheduledHandler, StreamEvent, StreamHandler};

/// Starts the log, creates the handler from the environment, and serves requests until Lambda ends the process.
/// A missing or invalid setting is logged by name and returned as an error.
pub async fn serve<H: HttpHandler>() -> Result<(), Error> {
    let (handler, telemetry) = &start(H::new).await?;
    lambda_runtime::run(service_fn(|event: LambdaEvent<Event>| async move {
        let LambdaEvent { payload, context } = event;
        let invocation = telemetry.start_invocation(&context);
        let response = match remaining_time(&context, SystemClock.now()) {
            Some(time) => handle_event_with_deadline(time, handler, payload).await,
            None => handle_event(handler, payload).await,
        };
        invocation.log_response(&response.outcome);
        Ok::<_, Error>(response)
    }))
    .await
}

/// Serves the events of a schedule. Errors are returned to Lambda, which may retry.
pub async fn serve_scheduled<S: ScheduledHandler>() -> Result<(), Error> {
    let (scheduled, telemetry) = &start(S::new).await?;
    let run = |event: LambdaEvent<IgnoredAny>| async move {
        let invocation = telemetry.start_invocation(&event.context);
        let report = Box::pin(scheduled.run()).await;
        let metrics = report.as_ref().map(S::metrics).unwrap_or_default();
        invocation.log_result("timer", as_dyn_result(&report), &metrics);
        report
    };
    lambda_runtime::run(service_fn(run)).await
}

/// Serves batches of stream records. Errors are returned to Lambda, which delivers the records again.
pub async fn serve_stream<S: StreamHandler>() -> Result<(), Error> {
    let (handler, telemetry) = &start(S::new).await?;
    let handle = |event: LambdaEvent<StreamEvent>| async move {
        let invocation = telemetry.start_invocation(&event.context);
        let result = Box::pin(handler.handle(event.payload)).await;
        let report = as_dyn_result(&result).map(|(_, report)| report);
        invocation.log_result("datasource", report, &[]);
        result.map(|(response, _)| response)
    };
    lambda_runtime::run(service_fn(handle)).await
}

/// Starts the log, reads the settings, and connects to `DynamoDB` in the background while it creates the function.
async fn start<T>(
    new: impl FnOnce(&Dependencies) -> Result<T, SettingsError>,
) -> Result<(T, Telemetry), Error> {
    let log = |error: &SettingsError| tracing::error!(setting = error.name, "{error}");
    let settings = Settings::from_env();
    Log::new(&settings).start();
    let telemetry = Telemetry::new(&settings).inspect_err(log)?;
    let dependencies = Dependencies::new(settings).inspect_err(log)?;
    dependencies.connect();
    yield_now().await;
    Ok((new(&dependencies).inspect_err(log)?, telemetry))
}

fn as_dyn_result<T>(report: &Result<T, Error>) -> Result<&T, &(dyn std::error::Error + 'static)> {
    report.as_ref().map_err(|error| error.as_ref() as _)
}

/// The time reserved for returning a response before Lambda ends the process.
const DEADLINE_MARGIN: Duration = Duration::from_millis(500);

/// Returns the time left for a response. `None` if the deadline of the invocation is missing or in the past, as
/// emulators of Lambda send it.
fn remaining_time(context: &Context, now: Timestamp) -> Option<Duration> {
    let deadline = i64::try_from(context.deadline).ok();
    let deadline = deadline.and_then(Timestamp::from_unix_millis)?;
    let remaining = deadline.since(now);
    (!remaining.is_zero()).then(|| remaining.saturating_sub(DEADLINE_MARGIN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn response_deadline_is_500_ms_before_lambda_deadline() {
        let remaining = |deadline: u64| {
            let mut context = Context::default();
            context.deadline = deadline;
            let now = Timestamp::from_unix_millis(1_792_002_005_000).unwrap();
            remaining_time(&context, now)
        };
        assert_eq!(remaining(1_792_002_034_000), Some(Duration::from_millis(28_500)));
        assert_eq!(remaining(1_792_002_005_300), Some(Duration::ZERO));
        for no_deadline in [0, 600_000, 1_792_002_005_000, u64::MAX] {
            assert_eq!(remaining(no_deadline), None, "{no_deadline}");
        }
    }
}
