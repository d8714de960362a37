//! What is known of how a target fares: calls under way, how soon it answers, whether it is to be left alone, how often it
//! may be tried again.
//!
//! For whoever makes an attempt: [`TargetState::begin`] before it, [`Trial::succeeded`] or [`Trial::failed`] when it is
//! known how it went, and the [`Trial`] is kept until the call is over, with the end of its stream.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use outcrop_config::RoutingConfig;
use outcrop_ports::{Clock, Place};
use outcrop_types::FailureKind;

use super::breaker::{Breaker, BreakerOptions, BreakerView, News, Permit, Turn, is_callers};

/// A success brings back one of so many parts of what a failure takes: a tenth (gRPC, proposal A6, "throttling retry
/// attempts": `tokenRatio`).
const PARTS: u64 = 10;

/// What a new measurement counts in the average.
const NEW_SHARE: f64 = 0.3;

/// After this time an average that nobody adds to counts half, so that a slow target is tried again some time.
const HALF_LIFE: Duration = Duration::from_secs(30);

/// How targets are treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TargetOptions {
    pub(crate) breaker: BreakerOptions,
    /// Retries that a target has saved up at most, and at first.
    pub(crate) retry_budget: u32,
}

impl From<&RoutingConfig> for TargetOptions {
    fn from(config: &RoutingConfig) -> Self {
        Self { breaker: config.into(), retry_budget: config.retry_budget }
    }
}

/// What is known of how a target fares. One for each place and Bedrock id, shared by all requests.
pub(crate) struct TargetState {
    place: Place,
    bedrock_id: String,
    /// The text by which every process knows it.
    name: String,
    clock: Arc<dyn Clock>,
    options: TargetOptions,
    in_flight: AtomicU32,
    // Held for less than a microsecond, never over an await.
    record: Mutex<Record>,
}

#[derive(Debug)]
struct Record {
    breaker: Breaker,
    latency: Option<Average>,
    /// In parts of a retry.
    retries: u64,
    /// When it was last part of a plan.
    wanted: Option<Duration>,
}

#[derive(Debug, Clone, Copy)]
struct Average {
    millis: f64,
    at: Duration,
}

/// How a target stands.
#[derive(Debug, Clone)]
pub(super) struct StateView {
    pub(super) breaker: BreakerView,
    pub(super) in_flight: u32,
    pub(super) latency: Option<Duration>,
    pub(super) retries: u32,
}

/// An attempt under way. Dropped without a word it counts as neither success nor failure.
#[derive(Debug)]
pub(crate) struct Trial {
    state: Arc<TargetState>,
    begun: Duration,
    how: How,
    /// Whether what becomes of it is the answer to whether the target answers again, and nothing was said yet.
    is_probe: bool,
}

/// What was said of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Nothing,
    Began,
    Failed,
}

impl TargetState {
    pub(super) fn new(
        place: &Place,
        bedrock_id: &str,
        clock: Arc<dyn Clock>,
        options: TargetOptions,
    ) -> Self {
        let record = Record {
            breaker: Breaker::default(),
            latency: None,
            retries: u64::from(options.retry_budget) * PARTS,
            wanted: None,
        };
        Self {
            place: place.clone(),
            bedrock_id: bedrock_id.to_owned(),
            name: format!("{place} {bedrock_id}"),
            clock,
            options,
            in_flight: AtomicU32::new(0),
            record: Mutex::new(record),
        }
    }

    /// Begins an attempt; `None` where the target is to be left alone.
    pub(crate) fn begin(self: &Arc<Self>) -> Option<Trial> {
        let now = self.clock.monotonic();
        let permit = {
            let mut record = self.record();
            record.wanted = Some(now);
            record.breaker.ask(now, &self.options.breaker)
        };
        match permit {
            Permit::Go => Some(self.trial(now, false)),
            Permit::Probe => Some(self.trial(now, true)),
            Permit::No => None,
        }
    }

    /// Begins an attempt at a target that is to be left alone: for a call that has nowhere else to go. A success ends its
    /// rest, a failure does not lengthen it.
    pub(crate) fn begin_anyway(self: &Arc<Self>) -> Trial {
        self.begin().unwrap_or_else(|| self.trial(self.clock.monotonic(), false))
    }

    /// Whether it may be tried by a call that has failed already, here or elsewhere: not if its own failures have used up
    /// what its successes bring back. A target that answers is always there for the calls of one that does not.
    pub(crate) fn may_retry(&self) -> bool {
        self.record().retries >= PARTS
    }

    /// How long a call that waits for it has to wait; `None` where waiting is for nothing.
    pub(crate) fn wait(&self) -> Option<Duration> {
        self.record().breaker.wait(self.clock.monotonic())
    }

    /// How long it is still to be left alone; zero when only a probe is missing.
    pub(crate) fn resting(&self) -> Option<Duration> {
        self.record().breaker.left(self.clock.monotonic())
    }

    /// The text by which every process knows it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    fn trial(self: &Arc<Self>, now: Duration, is_probe: bool) -> Trial {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        Trial { state: Arc::clone(self), begun: now, how: How::Nothing, is_probe }
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl TargetState, for those who order targets ===

impl TargetState {
    /// It is part of a plan. Says whether a call of it would go through at once, for all that is known.
    pub(super) fn wanted(&self) -> bool {
        let now = self.clock.monotonic();
        let mut record = self.record();
        record.wanted = Some(now);
        record.breaker.is_well(now)
    }

    pub(super) fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// How soon it answers, milliseconds: less and less the longer nobody asked, so that it is tried again; nothing
    /// where it is not known and nobody is about to find out.
    pub(super) fn expected_ms(&self) -> f64 {
        let under_way = self.in_flight() > 0;
        let now = self.clock.monotonic();
        match self.record().latency {
            None if under_way => f64::MAX,
            None => 0.0,
            Some(average) if under_way => average.millis,
            Some(average) => {
                let idle = now.saturating_sub(average.at);
                average.millis * 0.5_f64.powf(idle.as_secs_f64() / HALF_LIFE.as_secs_f64())
            }
        }
    }
}

// === impl TargetState, for those who share what is known ===

impl TargetState {
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    pub(crate) fn bedrock_id(&self) -> &str {
        &self.bedrock_id
    }

    pub(super) fn take_news(&self) -> Option<News> {
        self.record().breaker.take_news()
    }

    /// Whether others heard what was taken.
    pub(super) fn told(&self, news: News, heard: bool) {
        let mut record = self.record();
        match news {
            _ if !heard => record.breaker.keep_news(news),
            News::Rests { until, .. } => record.breaker.is_told(until),
            News::Recovered => {}
        }
    }

    /// What others say of it: until when it rests and how many times in a row, or nothing.
    pub(super) fn heard(&self, rest: Option<(Duration, u32)>) {
        let now = self.clock.monotonic();
        let mut record = self.record();
        match rest {
            Some((until, times)) => record.breaker.heard_rest(until, times, now, &self.options.breaker),
            None => {
                if record.breaker.heard_nothing() {
                    tracing::debug!(
                        target.name = self.name,
                        "another replica says that the target answers again"
                    );
                }
            }
        }
    }

    /// Whether leave to probe it is to be asked for now: somebody wanted it lately, and its rest ends by `soon`.
    pub(super) fn needs_leave(&self, soon: Duration, lately: Duration) -> bool {
        let now = self.clock.monotonic();
        let record = self.record();
        record.wanted.is_some_and(|it| it + lately >= now) && record.breaker.needs_leave(now, soon)
    }

    pub(super) fn leave(&self, granted: bool) {
        let now = self.clock.monotonic();
        self.record().breaker.leave(granted, now, &self.options.breaker);
    }

    /// How long nobody has wanted it, if nothing is known of it that is worth keeping.
    pub(super) fn idle(&self) -> Option<Duration> {
        let now = self.clock.monotonic();
        let record = self.record();
        let is_idle = self.in_flight() == 0 && record.breaker.left(now).is_none();
        is_idle.then(|| record.wanted.map_or(Duration::MAX, |it| now.saturating_sub(it)))
    }

    pub(super) fn view(&self) -> StateView {
        let now = self.clock.monotonic();
        let record = self.record();
        StateView {
            breaker: record.breaker.view(now),
            in_flight: self.in_flight(),
            latency: record.latency.map(|it| Duration::from_secs_f64((it.millis / 1_000.0).max(0.0))),
            retries: u32::try_from(record.retries / PARTS).unwrap_or(u32::MAX),
        }
    }
}

impl fmt::Debug for TargetState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TargetState").field("name", &self.name).finish_non_exhaustive()
    }
}

// === impl Trial ===

impl Trial {
    /// It was answered, or its stream began, after so long. The trial goes on until it is dropped.
    pub(crate) fn succeeded(&mut self, latency: Duration) {
        let state = &self.state;
        let (now, most) = (state.clock.monotonic(), u64::from(state.options.retry_budget) * PARTS);
        let mut record = state.record();
        record.retries = (record.retries + 1).min(most);
        let millis = latency.as_secs_f64() * 1_000.0;
        let average = record.latency.map_or(millis, |it| it.millis + NEW_SHARE * (millis - it.millis));
        record.latency = Some(Average { millis: average, at: now });
        (self.is_probe, self.how) = (false, How::Began);
        if record.breaker.succeeded(self.begun, now) == Turn::Closed {
            drop(record);
            tracing::info!(target.name = state.name, "the target answers again");
        }
    }

    /// It failed; `retry_after` is what the target says of when to come back. May be said after
    /// [`succeeded`](Self::succeeded), of a stream that broke.
    pub(crate) fn failed(&mut self, kind: FailureKind, retry_after: Option<Duration>) {
        let state = &self.state;
        let now = state.clock.monotonic();
        let is_probe = std::mem::take(&mut self.is_probe);
        let (had_begun, failure) = (self.how == How::Began, (kind, retry_after));
        self.how = How::Failed;
        let mut record = state.record();
        if !is_callers(kind) {
            record.retries = record.retries.saturating_sub(PARTS);
        }
        let turn = if had_begun {
            record.breaker.broke(failure, now, &state.options.breaker)
        } else {
            record.breaker.failed(failure, is_probe, now, &state.options.breaker)
        };
        drop(record);
        if let Turn::Opened { rest } = turn {
            let rest_ms = u64::try_from(rest.as_millis()).unwrap_or(u64::MAX);
            tracing::warn!(target.name = state.name, failure = ?kind, rest_ms, "the target keeps failing and is left alone for a while");
        }
    }
}

impl Trial {
    /// Its answer came to its end, unless it was said to have failed.
    pub(crate) fn ended(&mut self) {
        if self.how == How::Began {
            self.state.record().breaker.ended();
        }
    }

    /// Its caller waited less than a sound target may take: that says nothing of the target, but trying on and on is not
    /// for free.
    pub(crate) fn gave_up(&mut self) {
        let mut record = self.state.record();
        record.retries = record.retries.saturating_sub(PARTS);
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        self.state.in_flight.fetch_sub(1, Ordering::Relaxed);
        if self.is_probe {
            self.state.record().breaker.given_back();
        }
    }
}
