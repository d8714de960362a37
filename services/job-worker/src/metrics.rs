//! How much work there is, as gauges.
//!
//! Every process that works says the same of the whole platform, so that any one of them can be asked.

use std::time::Duration;

use outcrop_ports::{Backlog, PortError, QueueDepth};
use outcrop_telemetry::{metric, names};
use tokio_util::sync::CancellationToken;

use crate::JobWorker;

/// How often a process says that it is alive, and counts the work.
const BEAT: Duration = Duration::from_secs(10);
/// How long it is believed to be alive.
const ALIVE: Duration = Duration::from_secs(35);

impl JobWorker {
    /// Counts the work that there is and sets the gauges: of the store and of the queue. A queue that cannot be counted keeps
    /// nobody from the others.
    ///
    /// # Errors
    /// [`PortError`] where the store cannot be asked.
    pub async fn measure(&self) -> Result<(), PortError> {
        let now = self.ports.clock.now();
        let jobs = self.ports.jobs.backlog(now).await?;
        tell_jobs(jobs, self.ports.jobs.count_workers(now).await?);
        tell_queue(self.ports.queue.depth().await?);
        Ok(())
    }

    /// Measures while it works, if anybody listens.
    pub(crate) async fn keep_measuring(self, stop: CancellationToken) {
        let mut away = false;
        while !stop.is_cancelled() {
            if metric::is_going() {
                match self.measure().await {
                    Ok(()) => away = false,
                    Err(error) => {
                        if !std::mem::replace(&mut away, true) {
                            tracing::warn!(error = error.chain(), "could not count the work");
                        }
                    }
                }
            }
            let _ = tokio::time::timeout(BEAT, stop.cancelled()).await;
        }
    }

    /// Says that this process is alive, until it is told to stop.
    pub(crate) async fn beat(self, stop: CancellationToken) {
        let name = self.ports.ids.uuid().to_string();
        let mut away = false;
        while !stop.is_cancelled() {
            match self.note_alive(&name, ALIVE).await {
                Ok(()) => away = false,
                Err(error) => {
                    if !std::mem::replace(&mut away, true) {
                        tracing::warn!(error = error.chain(), "could not say that this worker is alive");
                    }
                }
            }
            let _ = tokio::time::timeout(BEAT, stop.cancelled()).await;
        }
        // Should this fail, it counts for some seconds more.
        let _ = self.note_alive(&name, Duration::ZERO).await;
    }

    async fn note_alive(&self, name: &str, until: Duration) -> Result<(), PortError> {
        let now = self.ports.clock.now();
        self.ports.jobs.note_worker(name, now, now + until).await
    }
}

fn tell_jobs(Backlog { due, later, running, oldest_s, dead }: Backlog, workers: u64) {
    for (gauge, count) in [
        (&names::JOBS_DUE, due),
        (&names::JOBS_LATER, later),
        (&names::JOBS_RUNNING, running),
        (&names::JOBS_OLDEST, oldest_s),
        (&names::JOBS_DEAD, dead),
        (&names::JOBS_WORKERS, workers),
    ] {
        gauge.set(number(count), &[]);
    }
    names::JOBS_PER_WORKER.set(number(thousandths_per_worker(due, workers)) / 1_000.0, &[]);
}

fn tell_queue(QueueDepth { waiting, in_flight, delayed, dead }: QueueDepth) {
    names::QUEUE_WAITING.set(number(waiting), &[]);
    names::QUEUE_IN_FLIGHT.set(number(in_flight), &[]);
    names::QUEUE_DELAYED.set(number(delayed), &[]);
    if let Some(dead) = dead {
        names::QUEUE_DEAD.set(number(dead), &[]);
    }
}

/// Exact up to 2^53.
fn number(count: u64) -> f64 {
    count as f64
}

/// With three decimals, by whole numbers.
pub(crate) fn per_worker(due: u64, workers: u64) -> String {
    let thousandths = thousandths_per_worker(due, workers);
    format!("{}.{:03}", thousandths / 1_000, thousandths % 1_000)
}

/// Jobs that are due for each process, of which one is taken to be there.
fn thousandths_per_worker(due: u64, workers: u64) -> u64 {
    due.saturating_mul(1_000) / workers.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_worker_the_backlog_is_that_of_the_first() {
        assert_eq!((per_worker(7, 0), per_worker(7, 2)), ("7.000".to_owned(), "3.500".to_owned()));
    }
}
