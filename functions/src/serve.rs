//! The life of a function: from its start to its last event.

use std::time::Duration;

use domain::clock::{Clock as _, SystemClock, Timestamp};
use lambda_runtime::{Context, Error, LambdaEvent, service_fn};
use serde::de::IgnoredAny;
use tokio::task::yield_now;

use crate::event::{Event, Handler, answer, answer_within};
use crate::log::Log;
use crate::notified::{Notified, ObjectCreated};
use crate::scheduled::Scheduled;
use crate::settings::{Settings, SettingsError};
use crate::setup::Setup;
use crate::watch::Watch;

/// Starts the log, makes the function from the environment, and answers events until Lambda ends
/// the process. A setting that is missing or wrong ends it at once, with the setting's name.
pub async fn serve<H: Handler>() -> Result<(), Error> {
    let (handler, watch) = &start(H::new).await?;
    lambda_runtime::run(service_fn(|event: LambdaEvent<Event>| async move {
        let LambdaEvent { payload, context } = event;
        let invocation = watch.begin(&context);
        let answer = match time_left(&context, SystemClock.now()) {
            Some(time) => answer_within(time, handler, payload).await,
            None => answer(handler, payload).await,
        };
        invocation.answered(&answer.outcome);
        Ok::<_, Error>(answer)
    }))
    .await
}

/// The same for a function that the clock calls. What fails, Lambda hears of.
pub async fn serve_scheduled<S: Scheduled>() -> Result<(), Error> {
    let (scheduled, watch) = &start(S::new).await?;
    let run = |event: LambdaEvent<IgnoredAny>| async move {
        let invocation = watch.begin(&event.context);
        let report = Box::pin(scheduled.run()).await;
        invocation.done("timer", None, told(&report));
        report
    };
    lambda_runtime::run(service_fn(run)).await
}

/// The same for a function that is told what was put into the bucket of pictures.
pub async fn serve_notified<N: Notified>() -> Result<(), Error> {
    let (notified, watch) = &start(N::new).await?;
    let run = |event: LambdaEvent<ObjectCreated>| async move {
        let invocation = watch.begin(&event.context);
        let report = Box::pin(notified.handle(&event.payload)).await;
        let key = event.payload.key();
        invocation.done("datasource", Some(key), told(&report));
        report
    };
    lambda_runtime::run(service_fn(run)).await
}

/// The part that all have: the log, the settings, and connecting, which goes on while the rest is
/// made ready.
async fn start<T>(
    new: impl FnOnce(&Setup) -> Result<T, SettingsError>,
) -> Result<(T, Watch), Error> {
    let settings = Settings::from_env();
    Log::new(&settings).start();
    let watch = Watch::new(&settings).inspect_err(tell)?;
    let setup = Setup::new(settings).inspect_err(tell)?;
    setup.connect();
    yield_now().await;
    Ok((new(&setup).inspect_err(tell)?, watch))
}

/// What the log is told of a report.
fn told<T>(report: &Result<T, Error>) -> Result<&T, &(dyn std::error::Error + 'static)> {
    report.as_ref().map_err(|error| error.as_ref() as _)
}

/// What it takes to give an answer back before Lambda ends the process.
const MARGIN: Duration = Duration::from_millis(500);

/// How long an answer may take. `None` where nobody says: tools that play Lambda give moments long
/// past.
fn time_left(context: &Context, now: Timestamp) -> Option<Duration> {
    let deadline = i64::try_from(context.deadline).ok();
    let deadline = deadline.and_then(Timestamp::from_unix_millis)?;
    let left = deadline.since(now);
    (!left.is_zero()).then(|| left.saturating_sub(MARGIN))
}

fn tell(error: &SettingsError) {
    tracing::error!(setting = error.name, "{error}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_until_shortly_before_the_deadline() {
        let left = |deadline: u64| {
            let mut context = Context::default();
            context.deadline = deadline;
            let now = Timestamp::from_unix_millis(1_792_002_005_000).unwrap();
            time_left(&context, now)
        };
        assert_eq!(left(1_792_002_034_000), Some(Duration::from_millis(28_500)));
        assert_eq!(left(1_792_002_005_300), Some(Duration::ZERO));
        for nobody_says in [0, 600_000, 1_792_002_005_000, u64::MAX] {
            assert_eq!(left(nobody_says), None, "{nobody_says}");
        }
    }
}
