//! `GET /v1/jobs/{id}/events`: what happens to a job, as it happens.
//!
//! What happened is in the store, numbered, so that whoever comes back with the last number it saw misses nothing and hears
//! nothing twice. How far a batch is, is told in between, without a number: it is only ever of the moment. The store is asked
//! now and then, ever more seldom while nothing happens: a stream costs a look-up every few seconds and no more.

use std::collections::VecDeque;
use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, routes, web};
use bytes::{BufMut as _, Bytes, BytesMut};
use chrono::{DateTime, TimeDelta, Utc};
use futures::Stream;
use outcrop_http::{Allowed, ApiError, permission, sse};
use outcrop_policy::{Decision, Resource, decide};
use outcrop_ports::PortError;
use outcrop_types::{BatchCounts, BatchId, ErrorCode, Job, JobEvent, JobId, JobKind, Permission, Principal};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::query;
use super::room::{Place, Room};
use crate::JobWorker;
use crate::owner::Barred;

/// Most events that are read at a time.
const PAGE: usize = 100;
/// The shortest and the longest pause between two looks.
const SHORTEST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);
/// How long nothing may be said: less than proxies wait.
const SILENCE: Duration = Duration::from_secs(15);
/// How long a stream is open at most: clients come back by themselves, and land on a process that is not about to stop.
const LONGEST_STREAM: Duration = Duration::from_secs(15 * 60);
/// How long whoever listens is believed to be still allowed to.
const BELIEVED: TimeDelta = TimeDelta::minutes(1);
/// How often in a row the store may fail.
const MOST_FAILURES: u32 = 5;
const LAST_EVENT_ID: &str = "last-event-id";

/// Tells what happened to a job, and what happens, until it has ended.
#[routes]
#[get("/v1/jobs/{id}/events")]
#[get("/api/v1/jobs/{id}/events")]
pub(super) async fn follow(
    caller: Allowed<permission::ReadJobs>,
    worker: web::Data<JobWorker>,
    room: web::Data<Room>,
    id: web::Path<String>,
    query: web::Query<query::Pairs>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let job = worker.find(caller.principal.team, &id).await?;
    let seen = last_seen(&request)?.or(after(&query)?).unwrap_or(0);
    let place = room.take(job.principal.team, job.id)?;
    Ok(sse::respond(stream(Watch::new(JobWorker::clone(&worker), caller.principal, &job, seen, place))))
}

/// What the query says of where to begin.
fn after(pairs: &query::Pairs) -> Result<Option<u32>, ApiError> {
    let mut after = None;
    query::read(pairs, |name, value| {
        if name != "after" {
            return Err(query::unknown(name));
        }
        let number = value.parse().ok();
        after = Some(number.ok_or_else(|| query::wrong(name, "`after` must be the number of an event"))?);
        Ok(())
    })?;
    Ok(after)
}

/// What an SSE client says when it comes back.
fn last_seen(request: &HttpRequest) -> Result<Option<u32>, ApiError> {
    let Some(value) = request.headers().get(LAST_EVENT_ID) else { return Ok(None) };
    let seen = value.to_str().ok().and_then(|text| text.parse().ok());
    seen.map(Some).ok_or_else(|| {
        let message = "`Last-Event-ID` must be the number of an event of this job";
        ApiError::new(ErrorCode::InvalidRequest, message).with_param("Last-Event-ID")
    })
}

/// How far a batch is.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Progress {
    status: &'static str,
    request_counts: BatchCounts,
    cost_usd: String,
    saved_usd: String,
}

/// One open stream.
struct Watch {
    worker: JobWorker,
    /// Who listens.
    listener: Principal,
    /// When it was last known that it may.
    allowed_at: DateTime<Utc>,
    id: JobId,
    is_batch: bool,
    /// The number of the last event that was told.
    seen: u32,
    /// How far it was when that was last told.
    told: Option<Progress>,
    /// What is to be sent.
    ready: VecDeque<Bytes>,
    pause: Duration,
    failures: u32,
    /// When something was last sent.
    spoken: Instant,
    opened: Instant,
    over: bool,
    _place: Place,
}

fn stream(watch: Watch) -> impl Stream<Item = Bytes> {
    futures::stream::unfold(watch, async |mut watch| watch.next().await.map(|piece| (piece, watch)))
}

impl Watch {
    fn new(worker: JobWorker, listener: Principal, job: &Job, seen: u32, place: Place) -> Self {
        let now = Instant::now();
        // Headers go out with the first piece: whoever waits for news knows at once that it is heard.
        let hello = VecDeque::from([Bytes::from_static(b": connected\n\n")]);
        Self {
            allowed_at: worker.ports.clock.now(),
            worker,
            listener,
            id: job.id,
            is_batch: job.kind == JobKind::Batch,
            seen,
            told: None,
            ready: hello,
            pause: SHORTEST_PAUSE,
            failures: 0,
            spoken: now,
            opened: now,
            over: false,
            _place: place,
        }
    }

    /// The next piece; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                self.spoken = Instant::now();
                return Some(piece);
            }
            if self.over || self.opened.elapsed() >= LONGEST_STREAM {
                return None;
            }
            match self.look().await {
                Ok(()) => self.failures = 0,
                Err(error) => {
                    self.failures += 1;
                    if self.failures >= MOST_FAILURES {
                        tracing::warn!(job.id = %self.id, error = error.chain(), "a stream of events ends early");
                        return None;
                    }
                }
            }
            if self.ready.is_empty() && !self.over {
                self.rest().await;
            }
        }
    }

    /// Waits for a while, longer each time; says that it is still there before anybody could doubt it.
    async fn rest(&mut self) {
        let stop = self.worker.stopping.get().cloned().unwrap_or_default();
        if tokio::time::timeout(self.pause, stop.cancelled()).await.is_ok() {
            // Whoever comes back finds another process.
            self.over = true;
            return;
        }
        self.pause = (self.pause * 3 / 2).min(LONGEST_PAUSE);
        if self.spoken.elapsed() >= SILENCE {
            let mut piece = BytesMut::new();
            outcrop_wire::sse::heartbeat(&mut piece);
            self.ready.push_back(piece.freeze());
        }
    }

    /// Reads what is new. The job is read before its events: what it was ended with is then among them.
    async fn look(&mut self) -> Result<(), PortError> {
        if !self.may_listen().await? {
            self.over = true;
            return Ok(());
        }
        let jobs = &self.worker.ports.jobs;
        let Some(job) = jobs.lookup_job(self.id).await? else {
            self.over = true;
            return Ok(());
        };
        let events = jobs.job_events(self.id, self.seen, PAGE).await?;
        self.over = job.state.is_final() && events.len() < PAGE;
        if let Some(last) = events.last() {
            self.seen = last.seq;
            self.pause = SHORTEST_PAUSE;
        }
        self.ready.extend(events.iter().map(frame));
        if self.is_batch && !self.over {
            self.progress(&job).await?;
        }
        Ok(())
    }

    /// Whether whoever listens may go on: asked once in a while, as a key can be revoked and a member removed.
    async fn may_listen(&mut self) -> Result<bool, PortError> {
        let now = self.worker.ports.clock.now();
        if (now - self.allowed_at).abs() < BELIEVED {
            return Ok(true);
        }
        let listener = match self.worker.as_it_is_now(&self.listener).await {
            Ok(listener) => listener,
            Err(Barred::Ever(_)) => return Ok(false),
            Err(Barred::Now(error)) => return Err(error),
        };
        self.allowed_at = now;
        Ok(decide(&listener, Permission::ReadJobs, Resource::OwnTeam) == Decision::Allow)
    }

    /// How far a batch is, if that has changed.
    async fn progress(&mut self, job: &Job) -> Result<(), PortError> {
        let Some(batch) = self.worker.ports.batches.lookup_batch(BatchId::new(self.id.uuid())).await? else {
            return Ok(());
        };
        let progress = Progress {
            status: batch.status.name(),
            request_counts: batch.counts,
            cost_usd: job.used.cost.to_string(),
            saved_usd: job.used.saved.to_string(),
        };
        if self.told.as_ref() != Some(&progress) {
            self.ready.push_back(framed(None, "progress", &json!(progress)));
            self.told = Some(progress);
            self.pause = SHORTEST_PAUSE;
        }
        Ok(())
    }
}

/// A stored event: what is known of it, and its number to come back with.
fn frame(event: &JobEvent) -> Bytes {
    let data = json!({ "seq": event.seq, "at": event.at, "name": event.name, "data": event.data });
    framed(Some(event.seq), &event.name, &data)
}

/// One server-sent event (WHATWG HTML, section 9.2). JSON has no line ends outside of strings, and none unescaped in them.
fn framed(id: Option<u32>, name: &str, data: &Value) -> Bytes {
    let mut piece = BytesMut::new();
    if let Some(id) = id {
        piece.put_slice(format!("id: {id}\n").as_bytes());
    }
    piece.put_slice(format!("event: {name}\ndata: {data}\n\n").as_bytes());
    piece.freeze()
}
