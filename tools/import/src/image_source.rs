//! Images of the old service.

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
use domain::image::InvalidImage;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use thiserror::Error;

/// For one image, from the connection to its last byte.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Where the images of the old service are.
#[derive(Debug)]
pub struct ImageSource {
    place: Place,
    pub(crate) max_bytes: usize,
}

#[derive(Debug)]
enum Place {
    Dir(PathBuf),
    Web {
        http: Connector,
        base: Option<String>,
    },
}

/// Why there is no image. Says nothing of where it was looked for.
#[derive(Debug, Error)]
pub(crate) enum ImageError {
    #[error("not the name of a file")]
    NoName,
    #[error("the folder has no such image")]
    NoFile,
    #[error("the file cannot be read: {0}")]
    Unreadable(io::ErrorKind),
    #[error("not a URL: --images or --image-base-url says where the file is")]
    NoUrl,
    #[error("no answer")]
    NoAnswer,
    #[error("not all of it came within {} seconds", TIMEOUT.as_secs())]
    TimedOut,
    #[error("the answer is {0}")]
    Status(u16),
    #[error("the answer broke off")]
    BrokenOff,
    #[error(transparent)]
    Invalid(#[from] InvalidImage),
}

impl ImageSource {
    /// In this folder, by the last part of what the old service stored.
    pub fn in_dir(dir: PathBuf, max_bytes: usize) -> Self {
        Self {
            place: Place::Dir(dir),
            max_bytes,
        }
    }

    /// At the URLs that the old service stored, and below `base` what is only a name.
    pub fn on_the_web(base: Option<String>, max_bytes: usize) -> Self {
        let mut tls = TlsContext::builder();
        tls = tls.with_trust_store(TrustStore::default());
        let http = Connector::builder()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .tls_context(tls.build().expect("the system's own certificates"))
            .build();
        Self {
            place: Place::Web { http, base },
            max_bytes,
        }
    }

    pub(crate) async fn load(&self, image: &str) -> Result<Bytes, ImageError> {
        match &self.place {
            Place::Dir(dir) => self.read(dir, image),
            Place::Web { http, base } => {
                let url = url(base.as_deref(), image).ok_or(ImageError::NoUrl)?;
                let fetched = tokio::time::timeout(TIMEOUT, self.fetch(http, &url)).await;
                fetched.map_err(|_| ImageError::TimedOut)?
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
            return Err(ImageError::NoName);
        }
        let file = File::open(dir.join(name)).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => ImageError::NoFile,
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
        let request = HttpRequest::get(url).map_err(|_| ImageError::NoUrl)?;
        let answer = http.call(request).await;
        let answer = answer.map_err(|_| ImageError::NoAnswer)?;
        if answer.status().as_u16() != 200 {
            return Err(ImageError::Status(answer.status().as_u16()));
        }
        let body = Limited::new(answer.into_body(), self.max_bytes);
        match body.collect().await {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => Err(self.too_large()),
            Err(_) => Err(ImageError::BrokenOff),
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
