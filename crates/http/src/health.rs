//! Whether the process lives, and whether what it depends on does.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use futures::future::join_all;
use outcrop_ports::{PortError, PortFailure, Probe};
use outcrop_telemetry::metric::{self, KeyValue};
use outcrop_telemetry::names;
use serde::Serialize;
use serde::ser::SerializeMap;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::serve::Draining;

/// How long a dependency may take to say that it works.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// How long an answer is good: however many ask, a dependency is asked once in this time.
const GOOD_FOR: Duration = Duration::from_secs(1);

/// How often dependencies are asked for the metrics' sake.
const EVERY: Duration = Duration::from_secs(15);

/// Whether a path is one of the two health paths, which need no identity.
#[must_use]
pub fn is_health_path(path: &str) -> bool {
    matches!(path, "/healthz" | "/readyz")
}

/// Something the process depends on.
#[derive(Clone)]
pub struct Dependency {
    /// Asks it.
    pub probe: Arc<dyn Probe>,
    /// Whether the process is useless without it.
    pub required: bool,
}

impl fmt::Debug for Dependency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.probe.name();
        f.debug_struct("Dependency").field("name", &name).field("required", &self.required).finish()
    }
}

/// Answers `/healthz` and `/readyz`.
#[derive(Debug)]
pub struct Health {
    watched: Vec<Watched>,
    last: Mutex<Option<(Instant, Report)>>,
}

#[derive(Debug)]
struct Watched {
    dependency: Dependency,
    /// What was last logged of it.
    told: AtomicU8,
}

const UNTOLD: u8 = 0;
const UP: u8 = 1;
const DOWN: u8 = 2;

impl Health {
    /// Watches these.
    #[must_use]
    pub fn new(dependencies: Vec<Dependency>) -> Arc<Self> {
        let watch = |dependency| Watched { dependency, told: AtomicU8::new(UNTOLD) };
        Arc::new(Self { watched: dependencies.into_iter().map(watch).collect(), last: Mutex::default() })
    }

    /// The two routes.
    pub fn routes(self: &Arc<Self>, service: &mut web::ServiceConfig) {
        service
            .app_data(web::Data::from(Arc::clone(self)))
            .service(web::resource("/healthz").get(alive).head(alive))
            .service(web::resource("/readyz").get(ready).head(ready));
    }

    /// Asks now and then, whoever else asks, so that metrics know.
    pub(crate) async fn watch(self: Arc<Self>) {
        // Without anybody to tell, only those who ask need to know.
        while metric::is_going() {
            self.report().await;
            tokio::time::sleep(EVERY).await;
        }
    }

    async fn report(&self) -> Report {
        // Held while asking, so that those who come meanwhile share the answer.
        let mut last = self.last.lock().await;
        if let Some((at, report)) = last.as_ref().filter(|(at, _)| at.elapsed() < GOOD_FOR) {
            let _ = at;
            return report.clone();
        }
        let report = Report::of(join_all(self.watched.iter().map(Watched::ask)).await);
        *last = Some((Instant::now(), report.clone()));
        report
    }
}

impl Watched {
    async fn ask(&self) -> State {
        let name = self.dependency.probe.name();
        let (answer, why) = match timeout(PROBE_TIMEOUT, self.dependency.probe.probe()).await {
            Ok(answer) => {
                let why = answer.as_ref().err().map(reason);
                (answer, why)
            }
            Err(_) => {
                let late = PortError::unavailable(format!("hear from {name} in time"), "the probe timed out");
                (Err(late), Some("timed out"))
            }
        };
        self.tell(name, &answer);
        let up = if answer.is_ok() { 1.0 } else { 0.0 };
        names::DEPENDENCY_UP.set(up, &[KeyValue::new(names::DEPENDENCY, name)]);
        State { name, required: self.dependency.required, error: why }
    }

    /// Logs a change, once.
    fn tell(&self, name: &str, answer: &Result<(), PortError>) {
        let now = if answer.is_ok() { UP } else { DOWN };
        let before = self.told.swap(now, Ordering::Relaxed);
        match answer {
            Err(error) if before != DOWN => {
                tracing::warn!(dependency = name, error = error.chain(), "dependency is down");
            }
            Ok(()) if before == DOWN => tracing::info!(dependency = name, "dependency is back"),
            _ => {}
        }
    }
}

/// All that the public is told of a failure: the rest may name hosts and accounts, and goes to the log.
const fn reason(error: &PortError) -> &'static str {
    match error.failure {
        PortFailure::Unavailable | PortFailure::Conflict => "unreachable",
        PortFailure::Broken => "failing",
    }
}

async fn alive() -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({ "status": "ok" }))
}

async fn ready(request: HttpRequest, health: web::Data<Health>) -> HttpResponse {
    if request.app_data::<Draining>().is_some_and(Draining::has_begun) {
        return HttpResponse::ServiceUnavailable().json(serde_json::json!({ "status": "draining" }));
    }
    let report = health.report().await;
    if report.status == Status::Unready {
        HttpResponse::ServiceUnavailable().json(report)
    } else {
        HttpResponse::Ok().json(report)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Ready,
    Degraded,
    Unready,
}

#[derive(Debug, Clone, Serialize)]
struct Report {
    status: Status,
    #[serde(serialize_with = "by_name")]
    dependencies: Vec<State>,
}

#[derive(Debug, Clone)]
struct State {
    name: &'static str,
    required: bool,
    /// Which kind of failure; safe to be shown to anybody.
    error: Option<&'static str>,
}

impl Report {
    fn of(dependencies: Vec<State>) -> Self {
        let down = |required| dependencies.iter().any(|it| it.error.is_some() && it.required == required);
        let status = match (down(true), down(false)) {
            (true, _) => Status::Unready,
            (false, true) => Status::Degraded,
            (false, false) => Status::Ready,
        };
        Self { status, dependencies }
    }
}

fn by_name<S: serde::Serializer>(states: &[State], serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Told<'a> {
        ok: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<&'a str>,
    }
    let mut map = serializer.serialize_map(Some(states.len()))?;
    for state in states {
        map.serialize_entry(state.name, &Told { ok: state.error.is_none(), error: state.error })?;
    }
    map.end()
}
