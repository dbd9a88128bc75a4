//! An embedded S3 (s3s-fs): a folder per bucket, a file per object and a file for its headers.
//!
//! A request is acknowledged once the object and then its headers are written under a temporary
//! name and renamed. A killed process therefore keeps every acknowledged object. An unacknowledged
//! one may exist without headers; writing it again repairs it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::error_handling::HandleError;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use futures_util::TryStreamExt as _;
use http::{Method, StatusCode};
use s3s::HttpError;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use tempfile::TempDir;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tower_http::cors::{Any, CorsLayer};

use crate::access_key::AccessKey;
use crate::host::require_this_machine;
use crate::server::Server;

/// Maximum size of a chunk of a form; see [`split_body`].
const MAX_CHUNK_BYTES: usize = 32 * 1024;

/// Errors of starting the embedded S3.
#[derive(Debug, Error)]
pub enum S3Error {
    /// The folder of the buckets cannot be created, read or written.
    #[error("{} cannot be used: {reason}", root.display())]
    Unusable {
        /// The folder of the buckets.
        root: PathBuf,
        /// The message of the operating system.
        reason: String,
    },
    /// The operating system has no free port or cannot start a thread.
    #[error("the S3 engine cannot start: {0}")]
    System(#[from] io::Error),
}

/// A running S3 server; requests must be signed with its key. Drop waits up to 5 seconds for requests in flight.
#[derive(Debug)]
pub struct S3 {
    server: Server,
    root: PathBuf,
    key: AccessKey,
    // Dropped after the server, which writes to it.
    _temporary: Option<TempDir>,
}

impl S3 {
    /// Starts a server that stores its buckets in the folder `root`, and creates a missing folder.
    pub fn open(root: &Path, key: &AccessKey) -> Result<Self, S3Error> {
        Self::start(root, None, key)
    }

    /// Starts a server with a temporary folder, which is removed when the server is dropped.
    pub fn temporary(key: &AccessKey) -> Result<Self, S3Error> {
        let folder = tempfile::tempdir()?;
        let root = folder.path().to_owned();
        Self::start(&root, Some(folder), key)
    }

    /// Like [`temporary`](Self::temporary), with a copy of the data of this server.
    pub fn copy(&self) -> Result<Self, S3Error> {
        let folder = tempfile::tempdir()?;
        let root = folder.path().to_owned();
        copy_folder(&self.root, &root)?;
        Self::start(&root, Some(folder), &self.key)
    }

    fn start(root: &Path, temporary: Option<TempDir>, key: &AccessKey) -> Result<Self, S3Error> {
        let unusable = |reason: String| S3Error::Unusable { root: root.to_owned(), reason };
        fs::create_dir_all(root).map_err(|error| unusable(error.to_string()))?;
        let files = FileSystem::new(root).map_err(|error| unusable(format!("{error:?}")))?;
        let mut service = S3ServiceBuilder::new(files);
        service.set_auth(SimpleAuth::from_single(key.id.as_str(), key.secret.as_str()));
        let service = service.build();
        Ok(Self {
            server: Server::start("s3", |listener, stop| serve(service, listener, stop))?,
            root: root.to_owned(),
            key: key.clone(),
            _temporary: temporary,
        })
    }

    /// Returns the endpoint URL, `http://127.0.0.1:<port>`. A bucket is a segment of the path, not a subdomain.
    pub fn url(&self) -> &str {
        self.server.url()
    }
}

/// Copies the files of a folder and its subfolders.
fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy_folder(&from, &to)?;
        } else {
            fs::copy(&from, &to)?;
        }
    }
    Ok(())
}

/// Splits the body of a form into small chunks. s3s 0.14 rejects an upload (`BoundaryBufferTooLarge`) if a chunk of more than
/// 64 KB follows one that ends with a carriage return; a busy server reads up to 400 KB at a time.
async fn split_body(request: Request, next: Next) -> Response {
    let request =
        if request.method() == Method::POST { request.map(in_small_chunks) } else { request };
    next.run(request).await
}

fn in_small_chunks(body: Body) -> Body {
    let chunks = body.into_data_stream().map_ok(|mut bytes| {
        let chunks = std::iter::from_fn(move || {
            (!bytes.is_empty())
                .then(|| Ok::<_, axum::Error>(bytes.split_to(bytes.len().min(MAX_CHUNK_BYTES))))
        });
        futures_util::stream::iter(chunks)
    });
    Body::from_stream(chunks.try_flatten())
}

async fn serve(service: S3Service, listener: TcpListener, stop: oneshot::Receiver<()>) {
    let service = HandleError::new(service, async |error: HttpError| {
        tracing::warn!(?error, "the S3 engine failed to respond");
        StatusCode::INTERNAL_SERVER_ERROR
    });
    // As in `template.yaml`: pages of any origin may upload.
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::POST])
        .allow_headers(Any)
        .max_age(Duration::from_hours(2));
    let router = Router::new().fallback_service(service);
    let router = router.layer(from_fn(split_body)).layer(cors).layer(from_fn(require_this_machine));
    let server = axum::serve(listener, router).with_graceful_shutdown(async {
        let _ = stop.await;
    });
    if let Err(error) = server.await {
        tracing::error!(%error, "the S3 engine stopped");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn body_is_split_into_small_chunks() {
        let sent = vec![b'\r'; 3 * MAX_CHUNK_BYTES + 1];
        let body = in_small_chunks(Body::from(sent.clone()));
        let chunks: Vec<_> = body.into_data_stream().try_collect().await.unwrap();
        assert!(chunks.iter().all(|chunk| (1..=MAX_CHUNK_BYTES).contains(&chunk.len())));
        assert_eq!(chunks.concat(), sent);
    }
}
