//! Loads images of the old service from a folder or from their URLs.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use bytes::Bytes;
use domain::id::ImageId;
use domain::image::{ImageRenderer, InvalidImage, Rendition};
use domain::use_cases::render_image;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use thiserror::Error;

use crate::old::OldFood;

/// The time limit of one download, including the connection.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The location of the old service's images (a folder or the web), and their maximum size.
#[derive(Debug)]
pub struct ImageSource {
    location: Location,
    max_bytes: usize,
}

#[derive(Debug)]
enum Location {
    Dir(PathBuf),
    Web { http: Connector, base: Option<String> },
}

/// Errors of loading an image. The messages contain neither path nor URL of the image.
#[derive(Debug, Error)]
pub(crate) enum ImageError {
    #[error("not a file name")]
    InvalidName,
    #[error("the folder of --images has no such file")]
    NotFound,
    #[error("the file cannot be read: {0}")]
    Unreadable(io::ErrorKind),
    #[error("not a URL; pass its folder with --images or its URL prefix with --image-base-url")]
    InvalidUrl,
    #[error("no response from the server")]
    NoResponse,
    #[error("the download took longer than {} seconds", TIMEOUT.as_secs())]
    TimedOut,
    #[error("the server returned status {0}")]
    Status(u16),
    #[error("the download was interrupted")]
    Interrupted,
    #[error(transparent)]
    Invalid(#[from] InvalidImage),
}

impl ImageSource {
    /// Loads images from the folder `dir`. The file name is the last path segment of the old service's `food_image`.
    pub fn in_dir(dir: PathBuf, max_bytes: usize) -> Self {
        Self { location: Location::Dir(dir), max_bytes }
    }

    /// Downloads images from the URLs in `food_image`. `base` is the URL prefix of images that have only a file name.
    pub fn on_the_web(base: Option<String>, max_bytes: usize) -> Self {
        let mut tls = TlsContext::builder();
        tls = tls.with_trust_store(TrustStore::default());
        let http = Connector::builder()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .tls_context(tls.build().expect("the system certificates are valid"))
            .build();
        Self { location: Location::Web { http, base }, max_bytes }
    }

    /// Loads the image of a food, and renders it under its id.
    pub(crate) async fn render(
        &self,
        renderer: &impl ImageRenderer,
        food: &OldFood,
    ) -> Result<(ImageId, Vec<Rendition>), ImageError> {
        let bytes = self.load(&food.image).await?;
        let id = food.image_id(&bytes);
        Ok((id, render_image(renderer, bytes, self.max_bytes).await?))
    }

    async fn load(&self, image: &str) -> Result<Bytes, ImageError> {
        match &self.location {
            Location::Dir(dir) => self.read(dir, image),
            Location::Web { http, base } => {
                let url = url(base.as_deref(), image).ok_or(ImageError::InvalidUrl)?;
                let response = tokio::time::timeout(TIMEOUT, self.fetch(http, &url)).await;
                response.map_err(|_| ImageError::TimedOut)?
            }
        }
    }

    fn too_large(&self) -> ImageError {
        let max_bytes = self.max_bytes;
        InvalidImage::TooLarge { max_bytes }.into()
    }

    fn read(&self, dir: &Path, image: &str) -> Result<Bytes, ImageError> {
        let path = image.split(['?', '#']).next().unwrap_or_default();
        let name = path.rsplit('/').next().unwrap_or_default();
        if matches!(name, "" | "." | "..") || name.contains(['\\', '\0']) {
            return Err(ImageError::InvalidName);
        }
        let file = File::open(dir.join(name)).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => ImageError::NotFound,
            kind => ImageError::Unreadable(kind),
        })?;
        let limit = u64::try_from(self.max_bytes).unwrap_or(u64::MAX);
        let mut bytes = Vec::new();
        file.take(limit.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(|error| ImageError::Unreadable(error.kind()))?;
        Ok(bytes.into())
    }

    async fn fetch(&self, http: &Connector, url: &str) -> Result<Bytes, ImageError> {
        let request = HttpRequest::get(url).map_err(|_| ImageError::InvalidUrl)?;
        let response = http.call(request).await;
        let response = response.map_err(|_| ImageError::NoResponse)?;
        if response.status().as_u16() != 200 {
            return Err(ImageError::Status(response.status().as_u16()));
        }
        let body = Limited::new(response.into_body(), self.max_bytes);
        match body.collect().await {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => Err(self.too_large()),
            Err(_) => Err(ImageError::Interrupted),
        }
    }
}

fn url(base: Option<&str>, image: &str) -> Option<String> {
    if image.starts_with("https://") || image.starts_with("http://") {
        return Some(image.to_owned());
    }
    let (base, name) = (base?.trim_end_matches('/'), image.trim_start_matches('/'));
    Some(format!("{base}/{name}"))
}
