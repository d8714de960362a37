//! How late the threads are that serve requests: each worker has a runtime of its own, and watches it itself.

use std::time::{Duration, Instant};

use actix_web::rt::task::JoinHandle;
use outcrop_telemetry::names;

/// How often it is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Watches the runtime of the worker that it is made in, until it is dropped.
#[derive(Debug)]
pub(crate) struct Watch(JoinHandle<()>);

impl Watch {
    pub(crate) fn start() -> Self {
        Self(actix_web::rt::spawn(async {
            loop {
                let due = Instant::now() + LOOK;
                tokio::time::sleep_until(due.into()).await;
                names::RUNTIME_DELAY.record(due.elapsed().as_secs_f64(), &[]);
            }
        }))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}
