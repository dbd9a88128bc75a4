//! One connection for all requests, opened at first use and replaced when it breaks.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::storage::StorageError;
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, FromRedisValue, Pipeline, RedisError,
    RedisResult, RetryMethod, ScriptInvocation, ServerErrorKind, Value, from_redis_value,
};
use thiserror::Error;
use tokio::sync::Mutex;

/// Each is far below a function's own timeout, also when both come twice.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(1);
/// Before a command is retried.
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

/// How far the attempt to execute a command came.
enum Attempt {
    NotConnected,
    Sent {
        /// Whether the connection was opened by an earlier command.
        was_idle: bool,
    },
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

    /// Executes a command; see [`execute`](Self::execute).
    pub(super) async fn query<T: FromRedisValue>(&self, cmd: &Cmd) -> Result<T, StorageError> {
        self.execute(|mut connection| async move { cmd.query_async(&mut connection).await })
            .await
    }

    /// Executes several commands; see [`execute`](Self::execute).
    pub(super) async fn query_all<T: FromRedisValue>(
        &self,
        cmds: &Pipeline,
    ) -> Result<T, StorageError> {
        self.execute(|mut connection| async move { cmds.query_async(&mut connection).await })
            .await
    }

    /// Executes a script; see [`execute`](Self::execute).
    pub(super) async fn run<T: FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
    ) -> Result<T, StorageError> {
        self.execute(|mut connection| async move { script.invoke_async(&mut connection).await })
            .await
    }

    /// Executes a command and retries it once: on a new connection if the old one broke, as it often
    /// does while a Lambda is frozen, or after a short random delay if it cannot connect or the server is in trouble. The
    /// server may have executed the first attempt, so the command must be idempotent. A reply of an
    /// unexpected type is reported as corrupt data.
    async fn execute<T: FromRedisValue, Reply>(
        &self,
        send: impl Fn(MultiplexedConnection) -> Reply,
    ) -> Result<T, StorageError>
    where
        Reply: Future<Output = RedisResult<Value>>,
    {
        let (mut result, attempt) = self.try_execute(&send).await;
        let retries_at_once = match (&result, attempt) {
            (Err(_), Attempt::NotConnected) => Some(false),
            (Err(error), Attempt::Sent { was_idle }) if is_broken(error) => Some(was_idle),
            (Err(error), Attempt::Sent { .. }) if is_passing(error) => Some(false),
            _ => None,
        };
        if let Some(at_once) = retries_at_once {
            if !at_once {
                let pause = fastrand::u64(PAUSE_MILLIS);
                tokio::time::sleep(Duration::from_millis(pause)).await;
            }
            result = self.try_execute(&send).await.0;
        }
        let value = result.map_err(|error| match error.code() {
            Some("WRONGTYPE") => StorageError::Corrupt(error.into()),
            _ => StorageError::Unavailable(error.into()),
        })?;
        from_redis_value(value).map_err(|error| StorageError::Corrupt(error.into()))
    }

    /// Returns the reply, and how far the attempt came.
    async fn try_execute<Reply>(
        &self,
        send: impl Fn(MultiplexedConnection) -> Reply,
    ) -> (RedisResult<Value>, Attempt)
    where
        Reply: Future<Output = RedisResult<Value>>,
    {
        let lease = match self.lease().await {
            Ok(lease) => lease,
            Err(error) => return (Err(error), Attempt::NotConnected),
        };
        let reply = send(lease.connection).await;
        if reply.as_ref().is_err_and(is_broken) {
            let mut current = self.current.lock().await;
            if current.generation == lease.generation {
                current.connection = None;
            }
        }
        let was_idle = !lease.is_new;
        (reply, Attempt::Sent { was_idle })
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
        // Whoever waited while somebody else map_redis_error does not wait for another failure.
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

/// A stored value that cannot be what this service wrote.
pub(super) fn corrupt(what: &str) -> StorageError {
    StorageError::Corrupt(format!("session field {what}").into())
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
