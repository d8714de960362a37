//! Answers in Redis.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use outcrop_ports::{Cache, CacheKey, IdGen, PortError};
use redis::{Cmd, FromRedisValue, Script};

use crate::connection::{Connection, NoAnswer, RedisOptions};
use crate::operation::Operation;

/// Bytes of a generation's name.
const GENERATION: usize = 16;

/// How answers are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheOptions {
    /// What all keys begin with: whoever shares answers has the same. Without braces.
    pub namespace: String,
    /// What is larger is not kept, bytes.
    pub max_value_bytes: usize,
}

impl Default for CacheOptions {
    fn default() -> Self {
        Self { namespace: "outcrop".to_owned(), max_value_bytes: 1 << 20 }
    }
}

/// Values in Redis, for all replicas that use the same one; also in a cluster, where all of them are on one node.
///
/// Each space has a generation with a random name, and each value begins with the names of those that it was put in. To
/// clear a space is to forget its generation; the next value put into it begins another. How much is kept is for Redis
/// to say (`maxmemory`): everything here has an end, so that any of its policies will do. Whatever is evicted is a miss.
#[derive(Clone)]
pub struct RedisCache {
    connection: Arc<Connection>,
    keep: Arc<Script>,
    ids: Arc<dyn IdGen>,
    options: CacheOptions,
}

/// The keys of a space.
struct Keys {
    outer: String,
    /// The outer one again for what lies in no other.
    inner: String,
    values: String,
}

impl RedisCache {
    /// Uses the Redis at a URL: `redis://[user:password@]host[:port][/db]`, `rediss://…` with TLS; any node of a cluster.
    ///
    /// Connects when first used, so Redis may be away now. The URL alone can be wrong here. Call it where the process's
    /// main runtime is current: the connection will live there. `ids` names generations.
    ///
    /// # Errors
    /// The URL is none.
    pub fn connect(
        url: &str,
        redis: RedisOptions,
        options: CacheOptions,
        ids: Arc<dyn IdGen>,
    ) -> Result<Self, PortError> {
        let connection = Arc::new(Connection::new(url, redis)?);
        Ok(Self { connection, keep: Arc::new(Script::new(include_str!("lua/keep.lua"))), ids, options })
    }

    fn keys(&self, space: &str) -> Keys {
        // All on one node of a cluster: a connection goes to one.
        let prefix = format!("{}:{{answers}}", self.options.namespace);
        let generation = |space: &str| format!("{prefix}:space:{space}");
        let outer = space.split_once('/').map_or(space, |(outer, _)| outer);
        Keys {
            outer: generation(outer),
            inner: generation(space),
            values: format!("{prefix}:value:{space}:"),
        }
    }

    async fn command<T: FromRedisValue>(&self, what: Operation, command: &Cmd) -> Result<T, NoAnswer> {
        self.connection.ask(what, |mut redis| async move { command.query_async(&mut redis).await }).await
    }
}

#[async_trait]
impl Cache for RedisCache {
    async fn get(&self, space: &str, key: &CacheKey) -> Result<Option<Bytes>, PortError> {
        let keys = self.keys(space);
        let mut get = redis::cmd("MGET");
        get.arg(&keys.outer).arg(&keys.inner).arg(keys.value(key));
        let found = self.command(Operation::CacheGet, &get).await;
        let found: [Option<Vec<u8>>; 3] =
            found.map_err(|error| PortError::unavailable("look for a kept answer", error))?;
        let [Some(outer), Some(inner), Some(value)] = found else { return Ok(None) };
        let names = [outer, inner].concat();
        let is_of_now = names.len() == 2 * GENERATION && value.starts_with(&names);
        Ok(is_of_now.then(|| Bytes::from(value).slice(names.len()..)))
    }

    async fn put(&self, space: &str, key: &CacheKey, value: Bytes, ttl: Duration) -> Result<(), PortError> {
        let (keys, what) = (self.keys(space), Operation::CachePut);
        let keep_ms = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
        let put = if keep_ms == 0 || value.len() > self.options.max_value_bytes {
            self.command(what, redis::cmd("UNLINK").arg(keys.value(key))).await
        } else {
            let mut keep = self.keep.prepare_invoke();
            keep.key(keys.value(key)).key(&keys.outer).key(&keys.inner);
            keep.arg(&value[..]).arg(keep_ms);
            for _ in 0..2 {
                keep.arg(self.ids.uuid().as_bytes());
            }
            let keep = &keep;
            self.connection.ask(what, |mut redis| async move { keep.invoke_async(&mut redis).await }).await
        };
        put.map_err(|error| PortError::unavailable("keep an answer", error))
    }

    async fn clear(&self, space: &str) -> Result<(), PortError> {
        let mut forget = redis::cmd("UNLINK");
        forget.arg(&self.keys(space).inner);
        // Asked for by a person, and rarely; to do it twice does no harm.
        let cleared = self.connection.insist(Operation::CacheClear, &forget).await;
        cleared.map_err(|error| PortError::unavailable("forget kept answers", error))
    }
}

impl Keys {
    fn value(&self, key: &CacheKey) -> Vec<u8> {
        [self.values.as_bytes(), key].concat()
    }
}

// `IdGen` is no `Debug`.
impl fmt::Debug for RedisCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisCache").field("connection", &self.connection).finish_non_exhaustive()
    }
}
