//! What replicas tell each other of targets that fail, in Redis.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use outcrop_ports::{MOST_RESTING, PortError, RESTING_REMEMBERED, Resting, TargetHealth};
use redis::Script;

use crate::connection::{Connection, RedisOptions};
use crate::operation::Operation;

/// Targets that are left alone, for all replicas that use the same Redis; also in a cluster, where all of it is on one
/// node.
///
/// One hash has the targets, and each claim to probe one is a key of its own that runs out. Nothing of it is needed: where
/// Redis is away, or lost its data, each process goes by what it sees itself.
#[derive(Debug, Clone)]
pub struct RedisTargetHealth {
    connection: Arc<Connection>,
    scripts: Arc<Scripts>,
    /// What all keys begin with.
    prefix: String,
}

#[derive(Debug)]
struct Scripts {
    rest: Script,
    recovered: Script,
    resting: Script,
}

impl RedisTargetHealth {
    /// Uses the Redis at a URL: `redis://[user:password@]host[:port][/db]`, `rediss://…` with TLS; any node of a cluster.
    /// `namespace` is what all keys begin with: whoever shares targets has the same. Without braces.
    ///
    /// Connects when first used, so Redis may be away now. The URL alone can be wrong here. Call it where the process's
    /// main runtime is current: the connection will live there.
    ///
    /// # Errors
    /// The URL is none.
    pub fn connect(url: &str, redis: RedisOptions, namespace: &str) -> Result<Self, PortError> {
        let scripts = Scripts {
            rest: Script::new(include_str!("lua/rest.lua")),
            recovered: Script::new(include_str!("lua/recovered.lua")),
            resting: Script::new(include_str!("lua/resting.lua")),
        };
        let connection = Arc::new(Connection::new(url, redis)?);
        Ok(Self { connection, scripts: Arc::new(scripts), prefix: format!("{namespace}:{{targets}}:") })
    }

    fn resting_key(&self) -> String {
        format!("{}resting", self.prefix)
    }

    fn probe_key(&self, target: &str) -> String {
        format!("{}probe:{target}", self.prefix)
    }
}

#[async_trait]
impl TargetHealth for RedisTargetHealth {
    async fn rest(&self, resting: &Resting) -> Result<(), PortError> {
        let mut rest = self.scripts.rest.prepare_invoke();
        rest.key(self.resting_key()).key(self.probe_key(&resting.target));
        rest.arg(&resting.target).arg(resting.until_ms).arg(resting.times);
        rest.arg(MOST_RESTING).arg(millis(RESTING_REMEMBERED));
        let rest = &rest;
        let told: Result<u8, _> = self
            .connection
            .ask(Operation::Health, |mut redis| async move { rest.invoke_async(&mut redis).await })
            .await;
        told.map(drop).map_err(|error| PortError::unavailable("tell of a failing target", error))
    }

    async fn recovered(&self, target: &str) -> Result<(), PortError> {
        let mut recovered = self.scripts.recovered.prepare_invoke();
        recovered.key(self.resting_key()).key(self.probe_key(target)).arg(target);
        let recovered = &recovered;
        let told: Result<(), _> = self
            .connection
            .ask(Operation::Health, |mut redis| async move { recovered.invoke_async(&mut redis).await })
            .await;
        told.map_err(|error| PortError::unavailable("tell of a target that recovered", error))
    }

    async fn resting(&self) -> Result<Vec<Resting>, PortError> {
        let mut resting = self.scripts.resting.prepare_invoke();
        resting.key(self.resting_key()).arg(millis(RESTING_REMEMBERED));
        let resting = &resting;
        let told: Result<Vec<(String, u64, u32)>, _> = self
            .connection
            .ask(Operation::Health, |mut redis| async move { resting.invoke_async(&mut redis).await })
            .await;
        let told = told.map_err(|error| PortError::unavailable("hear of failing targets", error))?;
        let told = told.into_iter();
        Ok(told.map(|(target, until_ms, times)| Resting { target, until_ms, times }).collect())
    }

    async fn claim_probe(&self, target: &str, for_how_long: Duration) -> Result<bool, PortError> {
        let mut claim = redis::cmd("SET");
        claim.arg(self.probe_key(target)).arg(1).arg("NX").arg("PX").arg(millis(for_how_long).max(1));
        let claim = &claim;
        let claimed: Result<Option<String>, _> = self
            .connection
            .ask(Operation::Health, |mut redis| async move { claim.query_async(&mut redis).await })
            .await;
        let claimed = claimed.map_err(|error| PortError::unavailable("claim a probe", error))?;
        Ok(claimed.is_some())
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
