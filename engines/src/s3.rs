//! S3, played by s3s-fs: a folder per bucket, a file per object, and what it is called beside it.
//!
//! An object is written under another name and renamed, then its headers are, and only then the
//! request is answered: a killed process leaves every answered object whole. One that was not
//! answered may be there without its headers; putting it again mends that.

mod front;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use tempfile::TempDir;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

pub use front::Created;

use crate::server::Server;
use front::Told;

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

/// Serves until it is dropped, which waits for the requests in flight, to those who sign with its keys.
#[derive(Debug)]
pub struct S3 {
    server: Server,
    access_key: String,
    secret_key: String,
    // After the server: removed when nothing writes to it.
    _temporary: Option<TempDir>,
}

impl S3 {
    /// Keeps everything in this folder, which is made when it is not there. Who is `told` hears of each
    /// object that is put.
    pub fn open(
        root: &Path,
        access_key: &str,
        secret_key: &str,
        told: Option<mpsc::UnboundedSender<Created>>,
    ) -> Result<Self, S3Error> {
        Self::start(root, None, access_key, secret_key, told)
    }

    /// Keeps everything until it is dropped. Who is `told` hears of each object that is put.
    pub fn temporary(
        access_key: &str,
        secret_key: &str,
        told: Option<mpsc::UnboundedSender<Created>>,
    ) -> Result<Self, S3Error> {
        let folder = tempfile::tempdir()?;
        let root = folder.path().to_owned();
        Self::start(&root, Some(folder), access_key, secret_key, told)
    }

    fn start(
        root: &Path,
        temporary: Option<TempDir>,
        access_key: &str,
        secret_key: &str,
        told: Told,
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
            server: Server::start("s3", |listener, stop| serve(service, told, listener, stop))?,
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
}

async fn serve(
    service: S3Service,
    told: Told,
    listener: TcpListener,
    mut stop: oneshot::Receiver<()>,
) {
    let http = auto::Builder::new(TokioExecutor::new());
    let connections = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = &mut stop => break,
        };
        let Ok((stream, _)) = accepted else {
            // Out of file descriptors, or a client that left: neither passes sooner by asking at once.
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            continue;
        };
        let (s3, told) = (service.clone(), told.clone());
        let answer = service_fn(move |request| front::answer(s3.clone(), told.clone(), request));
        let connection = http.serve_connection(TokioIo::new(stream), answer);
        let connection = connections.watch(connection.into_owned());
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error, "a connection broke");
            }
        });
    }
    drop(listener);
    connections.shutdown().await;
}
