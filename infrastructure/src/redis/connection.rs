//! A multiplexed connection to a Redis server, opened at first use and replaced when it breaks.

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

/// Maximum time to connect. Two attempts with both timeouts end before the function's own deadline.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(1);
/// Random delay before a retry, in milliseconds.
const PAUSE_MILLIS: RangeInclusive<u64> = 10..=60;

/// The error for a `TOKEN_STORE_URL` that is not a `redis://` or `rediss://` URL. The message omits the value, which
/// may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("not a redis:// or rediss:// URL")]
pub struct InvalidTokenStoreUrl;

/// A client for one Redis server. Clones share its connection.
#[derive(Clone)]
pub(super) struct Connection {
    client: Client,
    current: Arc<Mutex<Current>>,
}

#[derive(Default)]
struct Current {
    connection: Option<MultiplexedConnection>,
    /// Number of connections opened so far. A failed command compares it, so as not to drop a newer connection.
    generation: u64,
    /// Time and error of the last failure to connect.
    failure: Option<(Instant, RedisError)>,
}

struct Lease {
    connection: MultiplexedConnection,
    generation: u64,
    is_new: bool,
}

/// Progress of an attempt to execute a command.
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
            // Otherwise rustls panics in a build with two providers. An error means that one is installed.
            let _ = rustls::crypto::ring::default_provider().install_default();
        } else if !url.starts_with("redis://") {
            return Err(InvalidTokenStoreUrl);
        }
        Ok(Self {
            client: Client::open(url).map_err(|_| InvalidTokenStoreUrl)?,
            current: Arc::default(),
        })
    }

    /// Executes an idempotent command; see [`execute_idempotent`](Self::execute_idempotent).
    pub(super) async fn query<T: FromRedisValue>(&self, cmd: &Cmd) -> Result<T, StorageError> {
        self.execute_idempotent(|mut conn| async move { cmd.query_async(&mut conn).await }).await
    }

    /// Executes several idempotent commands; see [`execute_idempotent`](Self::execute_idempotent).
    pub(super) async fn query_all<T: FromRedisValue>(
        &self,
        cmds: &Pipeline,
    ) -> Result<T, StorageError> {
        self.execute_idempotent(|mut conn| async move { cmds.query_async(&mut conn).await }).await
    }

    /// Executes an idempotent script; see [`execute_idempotent`](Self::execute_idempotent).
    pub(super) async fn run<T: FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
    ) -> Result<T, StorageError> {
        self.execute_idempotent(|mut conn| async move { script.invoke_async(&mut conn).await })
            .await
    }

    /// Executes a command and retries it once: on a new connection if an idle one broke, which is usual
    /// after a Lambda freeze, or after a random delay if connecting failed or the server is busy. The first
    /// attempt may have been executed, so the command must be idempotent. A reply of an unexpected type is
    /// reported as corrupt data.
    async fn execute_idempotent<T: FromRedisValue, Reply>(
        &self,
        send: impl Fn(MultiplexedConnection) -> Reply,
    ) -> Result<T, StorageError>
    where
        Reply: Future<Output = RedisResult<Value>>,
    {
        let (mut result, attempt) = self.try_execute(&send).await;
        let retries_immediately = match (&result, attempt) {
            (Err(_), Attempt::NotConnected) => Some(false),
            (Err(error), Attempt::Sent { was_idle }) if is_broken(error) => Some(was_idle),
            (Err(error), Attempt::Sent { .. }) if is_transient(error) => Some(false),
            _ => None,
        };
        if let Some(immediately) = retries_immediately {
            if !immediately {
                let pause = fastrand::u64(PAUSE_MILLIS);
                tokio::time::sleep(Duration::from_millis(pause)).await;
            }
            result = self.try_execute(&send).await.0;
        }
        let value = result.map_err(map_redis_error)?;
        from_redis_value(value).map_err(|error| StorageError::Corrupt(error.into()))
    }

    /// Executes a command without a retry. Drops the connection if it broke.
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

    /// Returns the connection, or opens one. Concurrent calls wait for the same attempt to connect.
    async fn lease(&self) -> RedisResult<Lease> {
        let requested_at = Instant::now();
        let mut current = self.current.lock().await;
        if let Some(connection) = &current.connection {
            return Ok(Lease {
                connection: connection.clone(),
                generation: current.generation,
                is_new: false,
            });
        }
        // Connecting failed while this call waited for the lock: do not wait for another failure.
        if let Some((failed_at, error)) = &current.failure
            && *failed_at > requested_at
        {
            return Err(error.clone());
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT));
        let connected = self.client.get_multiplexed_async_connection_with_config(&config).await;
        match connected {
            Ok(connection) => {
                current.connection = Some(connection.clone());
                current.generation += 1;
                Ok(Lease { connection, generation: current.generation, is_new: true })
            }
            Err(error) => {
                current.failure = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }
}

/// Creates the error for a stored field that is missing or was not written by this service.
pub(super) fn corrupt(field: &str) -> StorageError {
    StorageError::Corrupt(format!("missing or invalid field {field}").into())
}

fn map_redis_error(error: RedisError) -> StorageError {
    match error.code() {
        Some("WRONGTYPE") => StorageError::Corrupt(error.into()),
        _ => StorageError::Unavailable(error.into()),
    }
}

/// Returns whether a command may succeed on a new connection. A read-only server has lost the primary role, and after
/// a failover the host name resolves to the new primary.
fn is_broken(error: &RedisError) -> bool {
    error.is_io_error()
        || error.is_unrecoverable_error()
        || error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly)
}

/// Returns whether a command may succeed after a delay: the server is loading its data or failing over.
fn is_transient(error: &RedisError) -> bool {
    matches!(error.retry_method(), RetryMethod::WaitAndRetry)
}

impl fmt::Debug for Connection {
    /// Writes host and port, not the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Connection")
            .field(&self.client.get_connection_info().addr().to_string())
            .finish()
    }
}
