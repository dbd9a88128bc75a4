//! Deletes renditions without a food and uploads that were never used; invoked daily.

use std::time::Duration;

use domain::clock::SystemClock;
use domain::use_cases::{GcReport, sweep_images};
use infrastructure::dynamodb::{DynamoDbFoods, DynamoDbLikes, DynamoDbUsers};
use infrastructure::s3::{S3Images, S3Uploads};
use serde::Serialize;

use crate::Error;
use crate::triggers::ScheduledHandler;

crate::dependencies::function!(SweepImages {
    users: DynamoDbUsers = users,
    foods: DynamoDbFoods = foods,
    likes: DynamoDbLikes = likes,
    images: S3Images = images,
    uploads: S3Uploads = uploads,
    min_age: Duration = orphan_min_age,
});

impl ScheduledHandler for SweepImages {
    type Report = ReportBody;

    async fn run(&self) -> Result<ReportBody, Error> {
        // Boxed: the compiler has a limit for the depth of nested future types.
        let report = Box::pin(sweep_images(
            &self.users,
            &self.foods,
            &self.likes,
            &self.images,
            &self.uploads,
            &SystemClock,
            self.min_age,
        ));
        Ok(ReportBody::from(report.await?))
    }
}

/// The result of a run in numbers of objects, as written to the log.
#[derive(Debug, Serialize)]
pub struct ReportBody {
    listed: u64,
    skipped_recent: u64,
    unknown_keys: u64,
    removed: u64,
    expired_uploads: u64,
    failed: u64,
    tombstones: u64,
}

impl From<GcReport> for ReportBody {
    fn from(report: GcReport) -> Self {
        Self {
            listed: report.listed,
            skipped_recent: report.skipped_recent,
            unknown_keys: report.unknown_keys,
            removed: report.removed,
            expired_uploads: report.expired_uploads,
            failed: report.failed,
            tombstones: report.tombstones,
        }
    }
}
