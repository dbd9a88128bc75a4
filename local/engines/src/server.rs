//! Runs an HTTP server on its own thread with its own tokio runtime, so that requests are served while
//! the caller blocks the caller's runtime.

use std::future::Future;
use std::io;
use std::net::Ipv4Addr;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime;
use tokio::sync::oneshot;

/// The time limit for requests in flight to complete after the stop signal.
const GRACE: Duration = Duration::from_secs(5);

/// A running server. Drop stops the server and waits for its thread.
#[derive(Debug)]
pub(crate) struct Server {
    url: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens on a free port of 127.0.0.1 and runs `serve` with the listener and a stop signal.
    pub(crate) fn start<Serve>(
        name: &str,
        serve: impl FnOnce(TcpListener, oneshot::Receiver<()>) -> Serve + Send + 'static,
    ) -> io::Result<Self>
    where
        Serve: Future<Output = ()>,
    {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let url = format!("http://{}", listener.local_addr()?);
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = {
            let _guard = runtime.enter();
            TcpListener::from_std(listener)?
        };
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || runtime.block_on(run_until_stopped(serve, listener, stopped)))?;
        Ok(Self { url, stop: Some(stop), thread: Some(thread) })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

async fn run_until_stopped<Serve: Future<Output = ()>>(
    serve: impl FnOnce(TcpListener, oneshot::Receiver<()>) -> Serve,
    listener: TcpListener,
    stopped: oneshot::Receiver<()>,
) {
    let (stop, stopping) = oneshot::channel();
    let grace_period = async {
        // A dropped sender is a stop as well.
        let _ = stopped.await;
        let _ = stop.send(());
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        () = serve(listener, stopping) => {}
        () = grace_period => {}
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only if the thread has already ended.
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
