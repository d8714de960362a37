//! A connection that may be away, bounded in time.

use std::fmt;
use std::io;
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use outcrop_ports::PortError;
use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{AsyncConnectionConfig, Client, Cmd, IntoConnectionInfo, RedisError, RedisResult};
use tokio::runtime::Handle;

use crate::breaker::{Breaker, Permit};

/// Bounds of what Redis may cost a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RedisOptions {
    /// Longest wait for one call, a reconnection included.
    pub timeout: Duration,
    /// Longest wait of a trial in the background and of a probe, a reconnection included.
    pub connect_timeout: Duration,
    /// After so many failures in a row, calls fail at once, without waiting.
    pub failures_to_open: u32,
    /// How long they do so before Redis is tried again.
    pub cool_down: Duration,
}

impl Default for RedisOptions {
    fn default() -> Self {
        Self {
            timeout: Duration::from_millis(50),
            connect_timeout: Duration::from_secs(1),
            failures_to_open: 5,
            cool_down: Duration::from_secs(1),
        }
    }
}

/// Why Redis gave no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoAnswer {
    #[error("Redis did not answer within {} ms", .0.as_millis())]
    Late(Duration),
    #[error("Redis has been failing and is left alone for a moment")]
    LeftAlone,
    #[error(transparent)]
    Redis(#[from] RedisError),
}

/// A connection that is there, or on its way, or could not be made; for all callers at once.
type Connecting = Shared<BoxFuture<'static, RedisResult<MultiplexedConnection>>>;

/// One multiplexed connection, made when first needed, and anew after it broke.
///
/// It lives on the runtime that was current when this was made, not on that of whoever calls first: actix
/// gives each worker a runtime of its own, and one busy worker must not hold up the others' calls. (This is why
/// the client's own reconnecting manager is not used.)
pub(crate) struct Connection {
    client: Client,
    options: RedisOptions,
    home: Option<Handle>,
    slot: RwLock<Option<Connecting>>,
    breaker: Breaker,
    started: Instant,
}

// The client holds the password.
impl fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Connection")
            .field("options", &self.options)
            .field("breaker", &self.breaker)
            .finish_non_exhaustive()
    }
}

impl Connection {
    /// Checks the URL (`redis://` or `rediss://`), without connecting.
    pub(crate) fn new(url: &str, options: RedisOptions) -> Result<Self, PortError> {
        // Without TCP_NODELAY, which the client leaves off, a call can wait for the acknowledgement of the last.
        let tcp = TcpSettings::default().set_nodelay(true);
        let client = url
            .into_connection_info()
            .and_then(|info| Client::open(info.set_tcp_settings(tcp)))
            // The URL may hold a password; the client's error does not repeat it.
            .map_err(|error| PortError::broken("read the Redis URL", error))?;
        Ok(Self {
            client,
            options,
            home: Handle::try_current().ok(),
            slot: RwLock::new(None),
            breaker: Breaker::new(options.failures_to_open, options.cool_down),
            started: Instant::now(),
        })
    }

    /// Makes one call within the time-out, or fails at once if Redis is known to be away. `trial` is run in the
    /// background now and then in that case, and should end in [`Self::ping`].
    pub(crate) async fn call<T>(
        &self,
        call: impl AsyncFnOnce(MultiplexedConnection) -> RedisResult<T>,
        trial: impl FnOnce(),
    ) -> Result<T, NoAnswer> {
        match self.breaker.ask(self.started.elapsed()) {
            Permit::Go => self.bounded(self.options.timeout, call).await,
            Permit::FailFast => Err(NoAnswer::LeftAlone),
            Permit::FailFastAndTry => {
                trial();
                Err(NoAnswer::LeftAlone)
            }
        }
    }

    /// Makes one call, and, if it fails, makes it once more on a new connection and with more patience: for calls
    /// that are few and matter. It may then have been made twice.
    pub(crate) async fn insist(&self, command: &Cmd) -> Result<(), NoAnswer> {
        let call = async |mut redis: MultiplexedConnection| command.query_async(&mut redis).await;
        let answer = self.bounded(self.options.timeout, call).await;
        if answer.is_ok() {
            return answer;
        }
        self.discard(None);
        let again = async |mut redis: MultiplexedConnection| command.query_async(&mut redis).await;
        self.bounded(self.options.connect_timeout, again).await
    }

    /// What connects, for connections of another kind.
    pub(crate) const fn client(&self) -> &Client {
        &self.client
    }

    /// Asks Redis itself whether it is there, whatever is known of it; an answer ends the time of failing fast.
    pub(crate) async fn ping(&self) -> Result<(), NoAnswer> {
        let ping = async |mut redis: MultiplexedConnection| redis::cmd("PING").query_async(&mut redis).await;
        let answer = self.bounded(self.options.connect_timeout, ping).await;
        if answer.is_err() {
            // Whatever is wrong with this connection, the next try shall not inherit it.
            self.discard(None);
        }
        answer
    }

    async fn bounded<T>(
        &self,
        limit: Duration,
        call: impl AsyncFnOnce(MultiplexedConnection) -> RedisResult<T>,
    ) -> Result<T, NoAnswer> {
        let answer = match tokio::time::timeout(limit, self.connected(call)).await {
            Ok(answer) => answer.map_err(NoAnswer::from),
            Err(_) => Err(NoAnswer::Late(limit)),
        };
        match &answer {
            Ok(_) => {
                if self.breaker.succeeded() {
                    tracing::info!("Redis answers again");
                }
            }
            Err(error) => {
                if self.breaker.failed(self.started.elapsed()) {
                    tracing::warn!(error = %error, "Redis keeps failing and is left alone for a moment");
                    // A peer that stays silent breaks nothing by itself.
                    self.discard(None);
                }
            }
        }
        answer
    }

    async fn connected<T>(
        &self,
        call: impl AsyncFnOnce(MultiplexedConnection) -> RedisResult<T>,
    ) -> RedisResult<T> {
        let connecting = self.connecting();
        let answer = match connecting.clone().await {
            Ok(connection) => call(connection).await,
            Err(error) => {
                self.discard(Some(&connecting));
                return Err(error);
            }
        };
        if answer.as_ref().is_err_and(RedisError::is_unrecoverable_error) {
            self.discard(Some(&connecting));
        }
        answer
    }

    fn connecting(&self) -> Connecting {
        if let Some(connecting) = &*self.slot.read().unwrap_or_else(PoisonError::into_inner) {
            return connecting.clone();
        }
        let mut slot = self.slot.write().unwrap_or_else(PoisonError::into_inner);
        slot.get_or_insert_with(|| self.connect()).clone()
    }

    fn connect(&self) -> Connecting {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.options.connect_timeout))
            .set_response_timeout(Some(self.options.connect_timeout));
        let client = self.client.clone();
        let home = self.home.clone().unwrap_or_else(Handle::current);
        // A task of its own, so that it goes on when the caller's time is up, and the next one finds it further.
        let task =
            home.spawn(async move { client.get_multiplexed_async_connection_with_config(&config).await });
        task.map(|ended| ended.unwrap_or_else(|stopped| Err(io::Error::other(stopped).into())))
            .boxed()
            .shared()
    }

    /// Lets go of the connection, if it still is this one; of any, if not told which.
    fn discard(&self, broken: Option<&Connecting>) {
        let mut slot = self.slot.write().unwrap_or_else(PoisonError::into_inner);
        let is_newer = matches!((broken, &*slot), (Some(broken), Some(held)) if !broken.ptr_eq(held));
        if !is_newer {
            *slot = None;
        }
    }
}
