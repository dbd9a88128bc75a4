//! Functions that no request calls, but the bucket of pictures, through `EventBridge`.

use std::fmt::Debug;
use std::future::Future;

use lambda_runtime::Error;
use serde::{Deserialize, Serialize};

use crate::settings::SettingsError;
use crate::setup::Setup;

/// A function that has something to do with each object that is put into the bucket.
pub trait Notified: Sized + Send + Sync {
    /// What it tells when it is done.
    type Report: Debug + Serialize + Send;

    /// Makes the function from its settings. Connects to nothing.
    fn new(setup: &Setup) -> Result<Self, SettingsError>;

    /// Does it. It may be cut off at any point, be told the same twice, and is told it again after a
    /// failure.
    fn handle(
        &self,
        event: &ObjectCreated,
    ) -> impl Future<Output = Result<Self::Report, Error>> + Send;
}

/// What `EventBridge` tells of an object that was put into a bucket (S3, "Object Created").
#[derive(Debug, Deserialize)]
pub struct ObjectCreated {
    time: String,
    detail: Detail,
}

#[derive(Debug, Deserialize)]
struct Detail {
    object: Object,
}

#[derive(Debug, Deserialize)]
struct Object {
    key: String,
}

impl ObjectCreated {
    /// When it was put there, as RFC 3339.
    pub fn time(&self) -> &str {
        &self.time
    }

    /// Under which key.
    pub fn key(&self) -> &str {
        &self.detail.object.key
    }
}
