//! Where the pictures of the old service are.

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

/// For one picture, from the connection to its last byte.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Where the pictures of the old service are.
#[derive(Debug)]
pub struct Pictures {
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

/// Why there is no picture. Says nothing of where it was looked for.
#[derive(Debug, Error)]
pub(crate) enum PictureError {
    #[error("not the name of a file")]
    NoName,
    #[error("the folder has no such picture")]
    NoFile,
    #[error("the file cannot be read: {0}")]
    Unreadable(io::ErrorKind),
    #[error("not a URL: --pictures or --picture-base-url says where the file is")]
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

impl Pictures {
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

    pub(crate) async fn load(&self, picture: &str) -> Result<Bytes, PictureError> {
        match &self.place {
            Place::Dir(dir) => self.read(dir, picture),
            Place::Web { http, base } => {
                let url = url(base.as_deref(), picture).ok_or(PictureError::NoUrl)?;
                let fetched = tokio::time::timeout(TIMEOUT, self.fetch(http, &url)).await;
                fetched.map_err(|_| PictureError::TimedOut)?
            }
        }
    }

    fn too_large(&self) -> PictureError {
        let max_bytes = self.max_bytes;
        InvalidImage::TooLarge { max_bytes }.into()
    }

    fn read(&self, dir: &Path, picture: &str) -> Result<Bytes, PictureError> {
        let path = picture.split(['?', '#']).next().unwrap_or_default();
        let name = path.rsplit('/').next().unwrap_or_default();
        if matches!(name, "" | "." | "..") || name.contains(['\\', '\0']) {
            return Err(PictureError::NoName);
        }
        let file = File::open(dir.join(name)).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => PictureError::NoFile,
            kind => PictureError::Unreadable(kind),
        })?;
        let limit = u64::try_from(self.max_bytes).unwrap_or(u64::MAX);
        let mut bytes = Vec::new();
        file.take(limit.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(|error| PictureError::Unreadable(error.kind()))?;
        Ok(bytes.into())
    }

    async fn fetch(&self, http: &Connector, url: &str) -> Result<Bytes, PictureError> {
        let request = HttpRequest::get(url).map_err(|_| PictureError::NoUrl)?;
        let answer = http.call(request).await;
        let answer = answer.map_err(|_| PictureError::NoAnswer)?;
        if answer.status().as_u16() != 200 {
            return Err(PictureError::Status(answer.status().as_u16()));
        }
        let body = Limited::new(answer.into_body(), self.max_bytes);
        match body.collect().await {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => Err(self.too_large()),
            Err(_) => Err(PictureError::BrokenOff),
        }
    }
}

fn url(base: Option<&str>, picture: &str) -> Option<String> {
    if picture.starts_with("https://") || picture.starts_with("http://") {
        return Some(picture.to_owned());
    }
    let (base, name) = (base?.trim_end_matches('/'), picture.trim_start_matches('/'));
    Some(format!("{base}/{name}"))
}
