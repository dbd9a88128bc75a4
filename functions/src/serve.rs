//! The life of a function: from its start to its last event.

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
use crate::triggers::ScheduledHandler;

/// Starts the log, makes the function from the environment, and serves requests until Lambda ends the
/// process. A setting that is missing or invalid ends it at once, with the setting's name.
pub async fn serve<H: HttpHandler>() -> Result<(), Error> {
    let (handler, telemetry) = &start(H::new).await?;
    lambda_runtime::run(service_fn(|event: LambdaEvent<Event>| async move {
        let LambdaEvent { payload, context } = event;
        let invocation = telemetry.start_invocation(&context);
        let answer = match time_left(&context, SystemClock.now()) {
            Some(time) => handle_event_with_deadline(time, handler, payload).await,
            None => handle_event(handler, payload).await,
        };
        invocation.log_response(&answer.outcome);
        Ok::<_, Error>(answer)
    }))
    .await
}

/// Serves a schedule. Errors are returned to Lambda.
pub async fn serve_scheduled<S: ScheduledHandler>() -> Result<(), Error> {
    let (scheduled, telemetry) = &start(S::new).await?;
    let run = |event: LambdaEvent<IgnoredAny>| async move {
        let invocation = telemetry.start_invocation(&event.context);
        let report = Box::pin(scheduled.run()).await;
        invocation.log_result("timer", None, as_dyn_result(&report));
        report
    };
    lambda_runtime::run(service_fn(run)).await
}

/// Starts the log, reads the settings, and starts to connect while the function is made.
async fn start<T>(
    new: impl FnOnce(&Dependencies) -> Result<T, SettingsError>,
) -> Result<(T, Telemetry), Error> {
    let log = |error: &SettingsError| tracing::error!(setting = error.name, "{error}");
    let settings = Settings::from_env();
    Log::new(&settings).start();
    let telemetry = Telemetry::new(&settings).inspect_err(log)?;
    let setup = Dependencies::new(settings).inspect_err(log)?;
    setup.connect();
    yield_now().await;
    Ok((new(&setup).inspect_err(log)?, telemetry))
}

fn as_dyn_result<T>(report: &Result<T, Error>) -> Result<&T, &(dyn std::error::Error + 'static)> {
    report.as_ref().map_err(|error| error.as_ref() as _)
}

/// What it takes to return a response before Lambda ends the process.
const DEADLINE_MARGIN: Duration = Duration::from_millis(500);

/// Returns how long a response may take. `None` without a deadline: tools that stand in for Lambda send
/// one long past.
fn time_left(context: &Context, now: Timestamp) -> Option<Duration> {
    let deadline = i64::try_from(context.deadline).ok();
    let deadline = deadline.and_then(Timestamp::from_unix_millis)?;
    let left = deadline.since(now);
    (!left.is_zero()).then(|| left.saturating_sub(DEADLINE_MARGIN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn response_has_until_shortly_before_the_deadline() {
        let left = |deadline: u64| {
            let mut context = Context::default();
            context.deadline = deadline;
            let now = Timestamp::from_unix_millis(1_792_002_005_000).unwrap();
            time_left(&context, now)
        };
        assert_eq!(left(1_792_002_034_000), Some(Duration::from_millis(28_500)));
        assert_eq!(left(1_792_002_005_300), Some(Duration::ZERO));
        for no_deadline in [0, 600_000, 1_792_002_005_000, u64::MAX] {
            assert_eq!(left(no_deadline), None, "{no_deadline}");
        }
    }
}
