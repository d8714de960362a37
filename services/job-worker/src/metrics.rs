//! How much work there is, in the text format of Prometheus.
//!
//! For the process of the worker alone, where it is behind the gateway and nobody reaches it from outside: what all teams have
//! to do is nobody's business.

use std::fmt::Write as _;
use std::time::Duration;

use actix_web::{HttpResponse, web};
use outcrop_http::Layer;
use outcrop_ports::{Backlog, PortError, QueueDepth};
use tokio_util::sync::CancellationToken;

use crate::JobWorker;

const PATH: &str = "/metrics";
/// How often a process says that it is alive.
const BEAT: Duration = Duration::from_secs(10);
/// How long it is believed.
const ALIVE: Duration = Duration::from_secs(35);

/// `GET /metrics`: for the process of the worker alone, never for the public.
pub fn metrics_routes(worker: &JobWorker) -> impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static {
    let worker = web::Data::new(worker.clone());
    move |app: &mut web::ServiceConfig| {
        app.service(web::resource(PATH).app_data(worker.clone()).get(show));
    }
}

/// Lets whoever reads metrics past a layer that asks for an identity.
#[must_use]
pub fn open_metrics(layer: Layer) -> Layer {
    Layer::new(
        move |request, next| {
            if request.path() == PATH { next.call(request) } else { layer.call(request, next) }
        },
    )
}

async fn show(worker: web::Data<JobWorker>) -> HttpResponse {
    match worker.figures().await {
        Ok(figures) => {
            HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(figures.text())
        }
        Err(error) => {
            tracing::warn!(error = error.chain(), "could not count the work");
            HttpResponse::ServiceUnavailable().finish()
        }
    }
}

impl JobWorker {
    async fn figures(&self) -> Result<Figures, PortError> {
        let now = self.ports.clock.now();
        Ok(Figures {
            jobs: self.ports.jobs.backlog(now).await?,
            workers: self.ports.jobs.count_workers(now).await?,
            // A queue that cannot be counted has no figures; the others are worth having without.
            queue: self.ports.queue.depth().await.ok(),
        })
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

struct Figures {
    jobs: Backlog,
    workers: u64,
    queue: Option<QueueDepth>,
}

impl Figures {
    fn text(&self) -> String {
        let Backlog { due, later, running, oldest_s, dead } = self.jobs;
        let mut text = String::new();
        let mut put = |name: &str, help: &str, value: &dyn std::fmt::Display| {
            // Writing to a string does not fail.
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}");
        };
        put("outcrop_jobs_due", "Jobs that could be worked on now.", &due);
        put("outcrop_jobs_running", "Jobs that a worker holds.", &running);
        put("outcrop_jobs_later", "Jobs that shall be tried later.", &later);
        put("outcrop_jobs_oldest_seconds", "For how long the longest has been due.", &oldest_s);
        put("outcrop_jobs_dead", "Jobs that were set aside.", &dead);
        put("outcrop_jobs_workers", "Processes that work jobs off.", &self.workers);
        put(
            "outcrop_jobs_backlog_per_worker",
            "Jobs that are due for each such process, of which one is taken to be there.",
            &per_worker(due, self.workers),
        );
        if let Some(queue) = self.queue {
            let QueueDepth { waiting, in_flight, delayed, dead } = queue;
            put("outcrop_jobs_queue_waiting", "Messages that wait, about.", &waiting);
            put("outcrop_jobs_queue_in_flight", "Messages in workers' hands, about.", &in_flight);
            put("outcrop_jobs_queue_delayed", "Messages that cannot be received yet, about.", &delayed);
            if let Some(dead) = dead {
                put("outcrop_jobs_queue_dead", "Messages that were set aside, about.", &dead);
            }
        }
        text
    }
}

/// With three decimals, by whole numbers.
pub(crate) fn per_worker(due: u64, workers: u64) -> String {
    let workers = workers.max(1);
    let thousandths = due.saturating_mul(1_000) / workers;
    format!("{}.{:03}", thousandths / 1_000, thousandths % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_as_prometheus_reads_them() {
        let jobs = Backlog { due: 10, later: 2, running: 3, oldest_s: 61, dead: 1 };
        let queue = Some(QueueDepth { waiting: 4, in_flight: 5, delayed: 6, dead: None });
        let text = Figures { jobs, workers: 3, queue }.text();
        let values: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            values,
            [
                "outcrop_jobs_due 10",
                "outcrop_jobs_running 3",
                "outcrop_jobs_later 2",
                "outcrop_jobs_oldest_seconds 61",
                "outcrop_jobs_dead 1",
                "outcrop_jobs_workers 3",
                "outcrop_jobs_backlog_per_worker 3.333",
                "outcrop_jobs_queue_waiting 4",
                "outcrop_jobs_queue_in_flight 5",
                "outcrop_jobs_queue_delayed 6",
            ]
        );
        for line in values {
            let name = line.split(' ').next().unwrap_or_default();
            assert!(text.contains(&format!("# TYPE {name} gauge\n{name} ")), "{name}");
        }
    }

    #[test]
    fn without_a_worker_the_backlog_is_that_of_the_first() {
        assert_eq!((per_worker(7, 0), per_worker(7, 2)), ("7.000".to_owned(), "3.500".to_owned()));
    }
}
