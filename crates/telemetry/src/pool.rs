//! How many connections a pool has, told while there is one.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;
use tokio::task::AbortHandle;

use crate::{metric, names};

/// How often pools are looked at.
const LOOK: Duration = Duration::from_secs(5);

/// How many connections there are.
#[derive(Debug, Clone, Copy)]
pub struct Connections {
    /// All that are open.
    pub open: u32,
    /// Of them those that nobody uses.
    pub idle: u32,
}

/// Tells of a pool until the last clone is dropped.
#[derive(Debug, Clone, Default)]
pub struct PoolWatch {
    _watching: Option<Arc<Watching>>,
}

#[derive(Debug)]
struct Watching(AbortHandle);

impl Drop for Watching {
    fn drop(&mut self) {
        // The task holds the pool, which would stay open with it.
        self.0.abort();
    }
}

impl PoolWatch {
    /// Looks at a pool every few seconds, which must be cheap. Does nothing where no metrics are kept, or outside of a Tokio
    /// runtime.
    pub fn start(
        (system, pool): (&'static str, &'static str),
        most: u32,
        look: impl Fn() -> Connections + Send + 'static,
    ) -> Self {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return Self::default() };
        if !metric::is_going() {
            return Self::default();
        }
        let of = [KeyValue::new(names::DB_SYSTEM, system), KeyValue::new(names::POOL, pool)];
        let task = runtime.spawn(async move {
            let [system, pool] = of.clone();
            let state = |state| [system.clone(), pool.clone(), KeyValue::new(names::POOL_STATE, state)];
            let (used, idle) = (state("used"), state("idle"));
            loop {
                let now = look();
                names::DB_CONNECTIONS.set(f64::from(now.open.saturating_sub(now.idle)), &used);
                names::DB_CONNECTIONS.set(f64::from(now.idle), &idle);
                names::DB_CONNECTIONS_MAX.set(f64::from(most), &of);
                tokio::time::sleep(LOOK).await;
            }
        });
        Self { _watching: Some(Arc::new(Watching(task.abort_handle()))) }
    }
}
