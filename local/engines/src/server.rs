//! An HTTP server on a thread of its own, with a runtime of its own: it serves tests and programs
//! of any runtime, and goes on while they block.

use std::future::Future;
use std::io;
use std::net::Ipv4Addr;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime;
use tokio::sync::oneshot;

/// How long requests that are under way may go on after the server was told to stop.
const GRACE: Duration = Duration::from_secs(5);

/// Runs until it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    url: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens on a free port of 127.0.0.1. `serve` is given the listener and when to stop.
    pub(crate) fn start<Serving>(
        name: &str,
        serve: impl FnOnce(TcpListener, oneshot::Receiver<()>) -> Serving + Send + 'static,
    ) -> io::Result<Self>
    where
        Serving: Future<Output = ()>,
    {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let url = format!("http://{}", listener.local_addr()?);
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let listener = {
            let _inside = runtime.enter();
            TcpListener::from_std(listener)?
        };
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || runtime.block_on(until_stopped(serve, listener, stopped)))?;
        Ok(Self {
            url,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

async fn until_stopped<Serving: Future<Output = ()>>(
    serve: impl FnOnce(TcpListener, oneshot::Receiver<()>) -> Serving,
    listener: TcpListener,
    stopped: oneshot::Receiver<()>,
) {
    let (stop, stopping) = oneshot::channel();
    let out_of_patience = async {
        // An error is the server's end being dropped, which says the same.
        let _ = stopped.await;
        let _ = stop.send(());
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        () = serve(listener, stopping) => {}
        () = out_of_patience => {}
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only where the thread has ended already.
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
