//! A picture was saved: makes its variants.

use domain::application::{Processed, process_image};
use domain::clock::{SystemClock, Timestamp};
use domain::image::ImageKey;
use infrastructure::dynamodb::DynamoDbFoods;
use infrastructure::s3::S3Images;
use infrastructure::variants::VariantScaler;
use serde::Serialize;

use crate::Error;
use crate::notified::{Notified, ObjectCreated};
use crate::settings::SettingsError;
use crate::setup::Setup;

/// See the file.
pub struct ProcessImage {
    foods: DynamoDbFoods,
    images: S3Images,
    scaler: VariantScaler,
    clock: SystemClock,
}

impl Notified for ProcessImage {
    type Report = ProcessedBody;

    fn new(setup: &Setup) -> Result<Self, SettingsError> {
        Ok(Self {
            foods: setup.foods()?,
            images: setup.images()?,
            scaler: setup.scaler(),
            clock: setup.clock(),
        })
    }

    async fn handle(&self, event: &ObjectCreated) -> Result<ProcessedBody, Error> {
        let Ok(key) = ImageKey::parse(event.key()) else {
            // The rule has let something through that is none of our pictures.
            return Ok(ProcessedBody::Ignored);
        };
        let saved_at = Timestamp::parse(event.time())?;
        let (foods, images, scaler) = (&self.foods, &self.images, &self.scaler);
        // Boxed: the types of nested futures grow beyond what the compiler follows.
        let processed = Box::pin(process_image(
            foods,
            images,
            scaler,
            &self.clock,
            &key,
            saved_at,
        ))
        .await?;
        Ok(ProcessedBody::from(processed))
    }
}

/// What became of the picture, for the log.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProcessedBody {
    /// These sizes were made.
    Made(String),
    /// They were there already.
    MadeBefore,
    /// No food shows it, and it is gone.
    NotShown,
    /// It cannot be scaled, for this reason.
    NotScalable(String),
    /// It is none of our pictures.
    Ignored,
}

impl From<Processed> for ProcessedBody {
    fn from(processed: Processed) -> Self {
        match processed {
            Processed::Made(variants) => Self::Made(variants.to_string()),
            Processed::MadeBefore => Self::MadeBefore,
            Processed::NotShown => Self::NotShown,
            Processed::NotScalable(error) => Self::NotScalable(error.to_string()),
        }
    }
}
