//! S3, played by s3s-fs: a folder per bucket, a file per object, and what it is called beside it.
//!
//! An object is written under another name and renamed, then its headers are, and only then the
//! request is answered: a killed process leaves every answered object whole. One that was not
//! answered may be there without its headers; putting it again mends that.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::Router;
use axum::error_handling::HandleError;
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

use crate::server::Server;

/// Why the engine does not start.
#[derive(Debug, Error)]
pub enum S3Error {
    /// The folder cannot be made, read or written.
    #[error("{} cannot be used: {reason}", root.display())]
    Unusable {
        /// Which folder.
        root: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The system gives no port or thread.
    #[error("the S3 engine cannot start: {0}")]
    System(#[from] io::Error),
}

/// Serves until it is dropped, to those who sign with its keys.
#[derive(Debug)]
pub struct S3 {
    server: Server,
    access_key: String,
    secret_key: String,
    // After the server: removed when nothing writes to it.
    _temporary: Option<Temporary>,
}

impl S3 {
    /// Keeps everything in this folder, which is created if it is missing.
    pub fn open(root: &Path, access_key: &str, secret_key: &str) -> Result<Self, S3Error> {
        Self::start(root, None, access_key, secret_key)
    }

    /// Keeps everything until it is dropped.
    pub fn temporary(access_key: &str, secret_key: &str) -> Result<Self, S3Error> {
        let folder = Temporary::new_in(&std::env::temp_dir())?;
        let root = folder.folder.path().join("root");
        Self::start(&root, Some(folder), access_key, secret_key)
    }

    fn start(
        root: &Path,
        temporary: Option<Temporary>,
        access_key: &str,
        secret_key: &str,
    ) -> Result<Self, S3Error> {
        let unusable = |reason: String| S3Error::Unusable {
            root: root.to_owned(),
            reason,
        };
        fs::create_dir_all(root).map_err(|error| unusable(error.to_string()))?;
        let files = FileSystem::new(root).map_err(|error| unusable(format!("{error:?}")))?;
        let mut service = S3ServiceBuilder::new(files);
        service.set_auth(SimpleAuth::from_single(access_key, secret_key));
        let service = service.build();
        Ok(Self {
            server: Server::start("s3", |listener, stop| serve(service, listener, stop))?,
            access_key: access_key.to_owned(),
            secret_key: secret_key.to_owned(),
            _temporary: temporary,
        })
    }

    /// Where it is: `http://127.0.0.1:<port>`. Buckets are paths.
    pub fn url(&self) -> &str {
        self.server.url()
    }

    /// Whose signature it accepts.
    pub fn access_key(&self) -> &str {
        &self.access_key
    }

    /// What requests must be signed with.
    pub fn secret_key(&self) -> &str {
        &self.secret_key
    }

    /// Answers what was asked and returns.
    pub fn stop(self) {}
}

/// A folder that is removed when it is dropped, or else by the next process that makes one.
#[derive(Debug)]
struct Temporary {
    folder: TempDir,
    _lock: File,
}

impl Temporary {
    const PREFIX: &str = "food-app-s3-";

    fn new_in(base: &Path) -> io::Result<Self> {
        Self::remove_abandoned(base)?;
        let folder = tempfile::Builder::new()
            .prefix(Self::PREFIX)
            .tempdir_in(base)?;
        // Locked before it has its name: a free lock is always that of a process that is gone.
        let new = folder.path().join("lock.new");
        let lock = File::create(&new)?;
        lock.lock()?;
        fs::rename(new, folder.path().join("lock"))?;
        Ok(Self {
            folder,
            _lock: lock,
        })
    }

    fn remove_abandoned(base: &Path) -> io::Result<()> {
        for folder in fs::read_dir(base)? {
            let folder = folder?.path();
            let name = folder.file_name().unwrap_or_default().as_encoded_bytes();
            if !name.starts_with(Self::PREFIX.as_bytes()) {
                continue;
            }
            if let Ok(lock) = File::open(folder.join("lock"))
                && lock.try_lock().is_ok()
            {
                // It may be somebody else's, who does not let us.
                let _ = fs::remove_dir_all(folder);
            }
        }
        Ok(())
    }
}

async fn serve(service: S3Service, listener: TcpListener, stop: oneshot::Receiver<()>) {
    let service = HandleError::new(service, async |error: HttpError| {
        tracing::warn!(?error, "the S3 engine failed");
        StatusCode::INTERNAL_SERVER_ERROR
    });
    // As in `template.yaml`: pages of any origin upload.
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::POST])
        .allow_headers(Any)
        .max_age(Duration::from_hours(2));
    let router = Router::new().fallback_service(service).layer(cors);
    let server = axum::serve(listener, router).with_graceful_shutdown(async {
        let _ = stop.await;
    });
    if let Err(error) = server.await {
        tracing::error!(%error, "the S3 engine ended");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_process_leaves_is_removed_by_the_next() {
        let base = tempfile::tempdir().unwrap();
        let in_use = Temporary::new_in(base.path()).unwrap();
        let abandoned = base.path().join("food-app-s3-abandoned");
        fs::create_dir_all(abandoned.join("root/images")).unwrap();
        fs::write(abandoned.join("lock"), "").unwrap();
        let other = base.path().join("other");
        fs::create_dir(&other).unwrap();
        fs::write(other.join("lock"), "").unwrap();

        let next = Temporary::new_in(base.path()).unwrap();
        assert!(!abandoned.exists());
        assert!(in_use.folder.path().join("lock").exists());
        assert!(other.exists());

        drop((in_use, next));
        assert_eq!(fs::read_dir(base.path()).unwrap().count(), 1);
    }
}
