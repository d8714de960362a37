//! A connection that may be away, bounded in time.

use std::fmt;
use std::io;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use outcrop_ports::PortError;
use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ErrorKind, IntoConnectionInfo, RedisError,
    RedisResult, ServerErrorKind,
};
use tokio::runtime::Handle;

use crate::breaker::{Breaker, Permit};
use crate::operation::Operation;

/// How often a call follows the nodes of a cluster that send it on.
const MOST_MOVES: usize = 2;

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
    /// Of a cluster, the node that has what we ask for, as it said itself; otherwise the URL's.
    node: RwLock<Option<Client>>,
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
            node: RwLock::new(None),
            options,
            home: Handle::try_current().ok(),
            slot: RwLock::new(None),
            breaker: Breaker::new(options.failures_to_open, options.cool_down),
            started: Instant::now(),
        })
    }

    /// Makes one call within the time-out, or fails at once if Redis is known to be away. `trial` is run in the
    /// background now and then in that case, and should end in [`Self::ping`].
    pub(crate) async fn call<T, F>(
        &self,
        what: Operation,
        call: impl Fn(MultiplexedConnection) -> F,
        trial: impl FnOnce(),
    ) -> Result<T, NoAnswer>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let call = async {
            match self.breaker.ask(self.started.elapsed()) {
                Permit::Go => self.bounded(self.options.timeout, call).await,
                Permit::FailFast => Err(NoAnswer::LeftAlone),
                Permit::FailFastAndTry => {
                    trial();
                    Err(NoAnswer::LeftAlone)
                }
            }
        };
        what.timed(call).await
    }

    /// Makes one call within the time-out, or fails at once if Redis is known to be away; then it is looked for in the
    /// background.
    pub(crate) async fn ask<T, F>(
        self: &Arc<Self>,
        what: Operation,
        ask: impl Fn(MultiplexedConnection) -> F,
    ) -> Result<T, NoAnswer>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let trial = || {
            let connection = Arc::clone(self);
            if let Ok(here) = Handle::try_current() {
                // Whatever comes of it is noted by the connection.
                here.spawn(async move { connection.ping().await.is_ok() });
            }
        };
        self.call(what, ask, trial).await
    }

    /// Makes one call with more patience, whatever is known of Redis: for what nobody waits for.
    pub(crate) async fn call_patiently<T, F>(
        &self,
        call: impl Fn(MultiplexedConnection) -> F,
    ) -> Result<T, NoAnswer>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let answer = self.bounded(self.options.connect_timeout, call).await;
        if answer.is_err() {
            // Whatever is wrong with this connection, the next try shall not inherit it.
            self.discard(None);
        }
        answer
    }

    /// Makes one call, and, if it fails, makes it once more on a new connection and with more patience: for calls
    /// that are few and matter. It may then have been made twice.
    pub(crate) async fn insist(&self, what: Operation, command: &Cmd) -> Result<(), NoAnswer> {
        let call = |mut redis: MultiplexedConnection| async move { command.query_async(&mut redis).await };
        let twice = async {
            let answer = self.bounded(self.options.timeout, call).await;
            if answer.is_ok() {
                return answer;
            }
            self.discard(None);
            self.bounded(self.options.connect_timeout, call).await
        };
        what.timed(twice).await
    }

    /// How long [`Self::call_patiently`] waits at most.
    pub(crate) const fn patience(&self) -> Duration {
        self.options.connect_timeout
    }

    /// What connects, for connections of another kind.
    pub(crate) const fn client(&self) -> &Client {
        &self.client
    }

    /// Asks Redis itself whether it is there, whatever is known of it; an answer ends the time of failing fast.
    pub(crate) async fn ping(&self) -> Result<(), NoAnswer> {
        let ping = redis::cmd("PING");
        let ping = &ping;
        self.call_patiently(|mut redis| async move { ping.query_async(&mut redis).await }).await
    }

    async fn bounded<T, F>(
        &self,
        limit: Duration,
        call: impl Fn(MultiplexedConnection) -> F,
    ) -> Result<T, NoAnswer>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let answer = match tokio::time::timeout(limit, self.followed(call)).await {
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

    /// Makes a call, and goes where the node of a cluster sends it. All keys of a caller are on one node, so there is
    /// only ever one to know.
    async fn followed<T, F>(&self, call: impl Fn(MultiplexedConnection) -> F) -> RedisResult<T>
    where
        F: Future<Output = RedisResult<T>>,
    {
        for _ in 0..MOST_MOVES {
            let answer = self.connected(&call).await;
            let Some(node) = answer.as_ref().err().and_then(|error| self.elsewhere(error)) else {
                return answer;
            };
            *self.node.write().unwrap_or_else(PoisonError::into_inner) = Some(node);
            self.discard_connection(None);
        }
        self.connected(&call).await
    }

    /// The node that an answer sends us to for good. One that is about to take over (`ASK`) is asked when it has.
    fn elsewhere(&self, error: &RedisError) -> Option<Client> {
        if error.kind() != ErrorKind::Server(ServerErrorKind::Moved) {
            return None;
        }
        let (host, port) = error.redirect_node()?.0.rsplit_once(':')?;
        let port = port.parse().ok()?;
        let info = self.client.get_connection_info();
        let addr = match info.addr().clone() {
            ConnectionAddr::Tcp(known, _) => ConnectionAddr::Tcp(host_or(host, known), port),
            ConnectionAddr::TcpTls { host: known, insecure, tls_params, .. } => {
                ConnectionAddr::TcpTls { host: host_or(host, known), port, insecure, tls_params }
            }
            _ => return None,
        };
        Client::open(info.clone().set_addr(addr)).ok()
    }

    async fn connected<T, F>(&self, call: impl Fn(MultiplexedConnection) -> F) -> RedisResult<T>
    where
        F: Future<Output = RedisResult<T>>,
    {
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
        let node = self.node.read().unwrap_or_else(PoisonError::into_inner).clone();
        let client = node.unwrap_or_else(|| self.client.clone());
        let home = self.home.clone().unwrap_or_else(Handle::current);
        // A task of its own, so that it goes on when the caller's time is up, and the next one finds it further.
        let task =
            home.spawn(async move { client.get_multiplexed_async_connection_with_config(&config).await });
        task.map(|ended| ended.unwrap_or_else(|stopped| Err(io::Error::other(stopped).into())))
            .boxed()
            .shared()
    }

    /// Lets go of the connection, if it still is this one; of any, if not told which. The next one begins at the URL
    /// again: the node of a cluster may be gone.
    fn discard(&self, broken: Option<&Connecting>) {
        if self.discard_connection(broken) {
            *self.node.write().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    fn discard_connection(&self, broken: Option<&Connecting>) -> bool {
        let mut slot = self.slot.write().unwrap_or_else(PoisonError::into_inner);
        let is_newer = matches!((broken, &*slot), (Some(broken), Some(held)) if !broken.ptr_eq(held));
        if !is_newer {
            *slot = None;
        }
        !is_newer
    }
}

/// A node that does not know its own name leaves it out: it is where we asked.
fn host_or(host: &str, known: String) -> String {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if host.is_empty() { known } else { host.to_owned() }
}
