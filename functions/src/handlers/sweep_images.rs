//! Every day: removes the pictures that no food refers to.

use std::time::Duration;

use domain::application::{Swept, sweep_images};
use domain::clock::SystemClock;
use infrastructure::dynamodb::{DynamoDbFoods, DynamoDbUsers};
use infrastructure::s3::S3Images;
use serde::Serialize;

use crate::Error;
use crate::scheduled::Scheduled;
use crate::settings::SettingsError;
use crate::setup::Setup;

/// See the file.
pub struct SweepImages {
    users: DynamoDbUsers,
    foods: DynamoDbFoods,
    images: S3Images,
    clock: SystemClock,
    min_age: Duration,
}

impl Scheduled for SweepImages {
    type Report = SweptBody;

    fn new(setup: &Setup) -> Result<Self, SettingsError> {
        Ok(Self {
            users: setup.users()?,
            foods: setup.foods()?,
            images: setup.images()?,
            clock: setup.clock(),
            min_age: setup.orphan_min_age()?,
        })
    }

    async fn run(&self) -> Result<SweptBody, Error> {
        let (users, foods, images) = (&self.users, &self.foods, &self.images);
        // Boxed: the types of nested futures grow beyond what the compiler follows.
        let swept = Box::pin(sweep_images(
            users,
            foods,
            images,
            &self.clock,
            self.min_age,
        ))
        .await?;
        Ok(SweptBody::from(swept))
    }
}

/// What was done, for the log.
#[derive(Debug, Serialize)]
pub struct SweptBody {
    listed: u64,
    young: u64,
    foreign: u64,
    removed: u64,
    expired: u64,
    failed: u64,
    left: u64,
}

impl From<Swept> for SweptBody {
    fn from(swept: Swept) -> Self {
        Self {
            listed: swept.listed,
            young: swept.young,
            foreign: swept.foreign,
            removed: swept.removed,
            expired: swept.expired,
            failed: swept.failed,
            left: swept.left,
        }
    }
}
