//! One connection for everybody, made at first use and replaced when it broke.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ErrorKind, RedisError, RedisResult, RetryMethod, ServerErrorKind,
};
use thiserror::Error;
use tokio::sync::Mutex;

/// Each is far below a function's own timeout, also when both come twice.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(1);
/// Before a question is asked again.
const PAUSE_MILLIS: RangeInclusive<u64> = 10..=60;

/// `TOKEN_STORE_URL` is not the URL of a Redis-compatible server. What it is may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("not a redis:// or rediss:// URL")]
pub struct InvalidTokenStoreUrl;

#[derive(Clone)]
pub(super) struct Connection {
    client: Client,
    current: Arc<Mutex<Current>>,
}

#[derive(Default)]
struct Current {
    connection: Option<MultiplexedConnection>,
    /// Counts connections, to tell the broken one from the one that took its place.
    generation: u64,
    failure: Option<(Instant, RedisError)>,
}

struct Lease {
    connection: MultiplexedConnection,
    generation: u64,
    is_new: bool,
}

impl Connection {
    pub(super) fn new(url: &str) -> Result<Self, InvalidTokenStoreUrl> {
        if url.starts_with("rediss://") {
            // Without a word from us rustls panics where a build holds two providers. An error is
            // somebody having said it before.
            let _ = rustls::crypto::ring::default_provider().install_default();
        } else if !url.starts_with("redis://") {
            return Err(InvalidTokenStoreUrl);
        }
        Ok(Self {
            client: Client::open(url).map_err(|_| InvalidTokenStoreUrl)?,
            current: Arc::default(),
        })
    }

    /// Asks over the connection, and once more where that could do better: over a new one if the old
    /// one was broken, as it often is after a Lambda was frozen between requests. Whether the server
    /// got the first question is unknown then, so `ask` must be something that can be said twice.
    pub(super) async fn ask<T, Answer>(
        &self,
        ask: impl Fn(MultiplexedConnection) -> Answer,
    ) -> RedisResult<T>
    where
        Answer: Future<Output = RedisResult<T>>,
    {
        let may_be_stale = match self.lease().await {
            // Whatever kept it from connecting may be over in a moment.
            Err(_) => false,
            Ok(lease) => match self.ask_over(&lease, &ask).await {
                Err(error) if is_broken(&error) => !lease.is_new,
                Err(error) if is_passing(&error) => false,
                outcome => return outcome,
            },
        };
        // Who is in trouble is given a moment, and not by all at once.
        if !may_be_stale {
            let pause = fastrand::u64(PAUSE_MILLIS);
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
        let lease = self.lease().await?;
        self.ask_over(&lease, &ask).await
    }

    async fn ask_over<T, Answer>(
        &self,
        lease: &Lease,
        ask: impl Fn(MultiplexedConnection) -> Answer,
    ) -> RedisResult<T>
    where
        Answer: Future<Output = RedisResult<T>>,
    {
        let outcome = ask(lease.connection.clone()).await;
        self.forget_if_broken(&outcome, lease.generation).await;
        outcome
    }

    async fn forget_if_broken<T>(&self, outcome: &RedisResult<T>, generation: u64) {
        if outcome.as_ref().is_err_and(is_broken) {
            let mut current = self.current.lock().await;
            if current.generation == generation {
                current.connection = None;
            }
        }
    }

    async fn lease(&self) -> RedisResult<Lease> {
        let asked_at = Instant::now();
        let mut current = self.current.lock().await;
        if let Some(connection) = &current.connection {
            return Ok(Lease {
                connection: connection.clone(),
                generation: current.generation,
                is_new: false,
            });
        }
        // Whoever waited while somebody else failed does not wait for another failure.
        if let Some((failed_at, error)) = &current.failure
            && *failed_at > asked_at
        {
            return Err(error.clone());
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT));
        let connected = self
            .client
            .get_multiplexed_async_connection_with_config(&config)
            .await;
        match connected {
            Ok(connection) => {
                current.connection = Some(connection.clone());
                current.generation += 1;
                Ok(Lease {
                    connection,
                    generation: current.generation,
                    is_new: true,
                })
            }
            Err(error) => {
                current.failure = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }
}

/// Whether another connection could do better. A read-only server was the primary once: the name
/// may belong to another one by now.
fn is_broken(error: &RedisError) -> bool {
    error.is_io_error()
        || error.is_unrecoverable_error()
        || error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly)
}

/// Whether the same server could do better in a moment: it loads its data, or hands over.
fn is_passing(error: &RedisError) -> bool {
    matches!(error.retry_method(), RetryMethod::WaitAndRetry)
}

impl fmt::Debug for Connection {
    /// The server, without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Connection")
            .field(&self.client.get_connection_info().addr().to_string())
            .finish()
    }
}
