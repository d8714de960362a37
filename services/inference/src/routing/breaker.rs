//! When a target is left alone, and who tries it again: a plain machine, told the time.
//!
//! Closed: calls go. Failures in a row open it: it rests, for longer each time. When its rest is over it is half open:
//! one probe goes, of all replicas, and what becomes of that closes it or opens it anew. A target that asks for a pause
//! itself (`retry-after`) gets it, and needs no probe afterwards.

use std::time::Duration;

use outcrop_config::RoutingConfig;
use outcrop_types::FailureKind;

/// How long after the end of a rest a process probes by itself, if its background loop has not asked for leave by then.
const ALONE_AFTER: Duration = Duration::from_millis(1_500);

/// A target that answered so lately can be called: what it denies then may be the fault of one request.
const PROVEN: Duration = Duration::from_secs(60);

/// Who was answered so lately does not believe at once what others say: the fault may be with their own way out.
const SEEN_LATELY: Duration = Duration::from_secs(10);

/// The shortest rest, whatever settings and targets say.
const SHORTEST_REST: Duration = Duration::from_millis(1);

/// How breakers behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BreakerOptions {
    /// Failures in a row after which a target is left alone.
    pub(crate) failures: u32,
    /// For how long at first.
    pub(crate) rest: Duration,
    /// For how long at most.
    pub(crate) longest_rest: Duration,
    /// How long a probe may take before another one goes.
    pub(crate) probe: Duration,
}

impl From<&RoutingConfig> for BreakerOptions {
    fn from(config: &RoutingConfig) -> Self {
        Self {
            failures: config.breaker_failures.max(1),
            rest: Duration::from_millis(config.breaker_ms).max(SHORTEST_REST),
            longest_rest: Duration::from_millis(config.max_breaker_ms.max(config.breaker_ms)),
            probe: Duration::from_millis(config.first_event_ms),
        }
    }
}

/// What a target may be asked now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Permit {
    Go,
    /// This one call, to see whether it answers again.
    Probe,
    No,
}

/// What others shall hear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    /// It rests, until then; so many times in a row, 0 if it asked for a pause itself.
    Rests { until: Duration, times: u32 },
    /// It answers again.
    Recovered,
}

/// What a failure or a success changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    Opened { rest: Duration },
    Closed,
    Nothing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gate {
    /// Nobody was asked yet whether this process may probe.
    Unasked,
    /// It may.
    Mine,
    /// It does, and has until then.
    Trying(Duration),
    /// Another one does, and has until then.
    Theirs(Duration),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rest {
    since: Duration,
    until: Duration,
    /// A pause that the target asked for: over when it is over.
    is_pause: bool,
    gate: Gate,
    /// Whether the other replicas know.
    is_known: bool,
}

impl Rest {
    /// Whether a probe may go, now that it is over.
    fn may_try(&self, now: Duration) -> bool {
        match self.gate {
            Gate::Mine => true,
            Gate::Unasked => now >= self.until.max(self.since) + ALONE_AFTER,
            Gate::Trying(until) | Gate::Theirs(until) => now >= until + ALONE_AFTER,
        }
    }

    /// Whether nobody was asked, or whoever may probe has taken too long.
    fn is_anybodys(&self, now: Duration) -> bool {
        match self.gate {
            Gate::Unasked => true,
            Gate::Mine => false,
            Gate::Trying(until) | Gate::Theirs(until) => now >= until,
        }
    }
}

/// The breaker of one target.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    /// Failures in a row while it is closed.
    failures: u32,
    /// Answers in a row that broke after they had begun, while it is closed.
    breaks: u32,
    /// Openings in a row.
    times: u32,
    rest: Option<Rest>,
    news: Option<News>,
    /// When it last answered.
    answered: Option<Duration>,
    /// Others say that it rests, and it answered here a moment ago: it is asked last, and one failure is enough.
    is_doubted: bool,
}

/// How a breaker stands, for those who look on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BreakerView {
    pub(super) failures: u32,
    pub(super) times: u32,
    /// What is left of a rest; zero when only a probe is missing.
    pub(super) left: Option<Duration>,
    pub(super) is_pause: bool,
}

impl Breaker {
    pub(super) fn ask(&mut self, now: Duration, options: &BreakerOptions) -> Permit {
        let Some(rest) = &mut self.rest else { return Permit::Go };
        if now < rest.until {
            return Permit::No;
        }
        if rest.is_pause {
            self.rest = None;
            return Permit::Go;
        }
        if !rest.may_try(now) {
            return Permit::No;
        }
        rest.gate = Gate::Trying(now + options.probe);
        Permit::Probe
    }

    /// A call that began at `begun` was answered.
    pub(super) fn succeeded(&mut self, begun: Duration, now: Duration) -> Turn {
        self.failures = 0;
        self.answered = Some(now);
        // What was under way when it opened says nothing of how the target is since.
        let rests = self.rest.filter(|it| !it.is_pause && begun >= it.since);
        if rests.is_none() {
            return Turn::Nothing;
        }
        (self.rest, self.times, self.news) = (None, 0, Some(News::Recovered));
        Turn::Closed
    }

    /// A call failed.
    pub(super) fn failed(
        &mut self,
        (kind, retry_after): (FailureKind, Option<Duration>),
        is_probe: bool,
        now: Duration,
        options: &BreakerOptions,
    ) -> Turn {
        match weight(kind) {
            Weight::None => {
                if is_probe {
                    self.given_back();
                }
                return Turn::Nothing;
            }
            Weight::Asks if retry_after.is_some() => return self.pause(retry_after, is_probe, now, options),
            Weight::Asks | Weight::One => self.failures = self.failures.saturating_add(1),
            Weight::All if self.answered.is_some_and(|it| now < it + PROVEN) => {
                self.failures = self.failures.saturating_add(1);
            }
            Weight::All => self.failures = options.failures,
        }
        if self.is_doubted {
            self.failures = options.failures;
        }
        if !is_probe && (self.is_open() || self.failures < options.failures) {
            return Turn::Nothing;
        }
        self.rest_longer(now, options)
    }

    /// An answer broke that had begun. That it began is no sign of health where none comes to its end.
    pub(super) fn broke(
        &mut self,
        (kind, retry_after): (FailureKind, Option<Duration>),
        now: Duration,
        options: &BreakerOptions,
    ) -> Turn {
        match weight(kind) {
            Weight::None => return Turn::Nothing,
            Weight::Asks if retry_after.is_some() => return self.pause(retry_after, false, now, options),
            Weight::Asks | Weight::One | Weight::All => {}
        }
        self.breaks = self.breaks.saturating_add(1);
        if self.is_open() || self.breaks < options.failures {
            return Turn::Nothing;
        }
        self.rest_longer(now, options)
    }

    /// An answer came to its end.
    pub(super) const fn ended(&mut self) {
        self.breaks = 0;
    }

    fn is_open(&self) -> bool {
        self.rest.is_some_and(|it| !it.is_pause)
    }

    fn rest_longer(&mut self, now: Duration, options: &BreakerOptions) -> Turn {
        self.times = self.times.saturating_add(1);
        let doubled = options.rest.saturating_mul(1 << (self.times - 1).min(30));
        let length = doubled.min(options.longest_rest).max(SHORTEST_REST);
        self.open(now, length, false);
        self.news = Some(News::Rests { until: now + length, times: self.times });
        Turn::Opened { rest: length }
    }

    /// The target said when to come back.
    fn pause(
        &mut self,
        retry_after: Option<Duration>,
        is_probe: bool,
        now: Duration,
        options: &BreakerOptions,
    ) -> Turn {
        let length = retry_after.unwrap_or_default().min(options.longest_rest).max(SHORTEST_REST);
        let lasts_longer = self.rest.is_none_or(|it| it.until < now + length);
        if !lasts_longer || (self.is_open() && !is_probe) {
            return Turn::Nothing;
        }
        // It answers, if only to say so: its next rest begins from the shortest again.
        self.times = 0;
        self.failures = 0;
        self.open(now, length, true);
        self.news = Some(News::Rests { until: now + length, times: 0 });
        Turn::Nothing
    }

    fn open(&mut self, now: Duration, length: Duration, is_pause: bool) {
        (self.failures, self.breaks, self.is_doubted) = (0, 0, false);
        self.rest =
            Some(Rest { since: now, until: now + length, is_pause, gate: Gate::Unasked, is_known: false });
    }

    /// A probe ended and says nothing: another one may go.
    pub(super) fn given_back(&mut self) {
        if let Some(rest) = &mut self.rest {
            rest.gate = Gate::Mine;
        }
    }

    /// What others shall hear, once.
    pub(super) fn take_news(&mut self) -> Option<News> {
        self.news.take()
    }

    /// What was taken was not heard: if nothing happened since, it is to be told again.
    pub(super) fn keep_news(&mut self, news: News) {
        self.news.get_or_insert(news);
    }

    /// Others know that it rests, unless it rests anew since.
    pub(super) fn is_told(&mut self, until: Duration) {
        if let Some(rest) = self.rest.as_mut().filter(|it| it.until == until) {
            rest.is_known = true;
        }
    }

    /// Others say that it rests: one whose rest is longer than what this process knows of is believed.
    pub(super) fn heard_rest(
        &mut self,
        until: Duration,
        times: u32,
        now: Duration,
        options: &BreakerOptions,
    ) {
        let until = until.min(now + options.longest_rest);
        let is_pause = times == 0;
        if self.news.is_some() || (is_pause && until <= now) {
            return;
        }
        // A little later is the same one, seen by another clock.
        let known = self.rest.is_some_and(|it| it.until + Duration::from_millis(100) >= until);
        if known {
            if let Some(rest) = &mut self.rest {
                rest.is_known = true;
            }
            return;
        }
        let seen_lately = self.failures == 0 && self.answered.is_some_and(|it| now < it + SEEN_LATELY);
        if self.rest.is_none() && !is_pause && seen_lately {
            self.is_doubted = true;
            return;
        }
        (self.failures, self.is_doubted) = (0, false);
        self.times = times;
        self.rest = Some(Rest { since: now, until, is_pause, gate: Gate::Unasked, is_known: true });
    }

    /// Others do not say that it rests: if they once did, it has recovered. Says whether that closes it.
    pub(super) fn heard_nothing(&mut self) -> bool {
        self.is_doubted = false;
        let closes = self.news.is_none() && self.rest.is_some_and(|it| it.is_known && !it.is_pause);
        if closes {
            (self.rest, self.times, self.failures) = (None, 0, 0);
        }
        closes
    }

    /// Whether somebody must be asked for leave to probe, by `soon`.
    pub(super) fn needs_leave(&self, now: Duration, soon: Duration) -> bool {
        self.rest.is_some_and(|it| !it.is_pause && it.until <= soon && it.is_anybodys(now))
    }

    /// The answer to that.
    pub(super) fn leave(&mut self, granted: bool, now: Duration, options: &BreakerOptions) {
        if let Some(rest) = &mut self.rest
            && rest.is_anybodys(now)
        {
            rest.gate = if granted { Gate::Mine } else { Gate::Theirs(now + options.probe) };
        }
    }

    /// Whether a call would be let through at once, and nobody says that it would fail.
    pub(super) fn is_well(&self, now: Duration) -> bool {
        self.may_go(now) && !self.is_doubted
    }

    /// What is left of its rest; zero when only a probe is missing.
    pub(super) fn left(&self, now: Duration) -> Option<Duration> {
        let rest = self.rest.filter(|it| !it.is_pause || now < it.until)?;
        Some(rest.until.saturating_sub(now))
    }

    /// How long a call that waits for it has to wait: what is left of a pause that it asked for. `None` where waiting is
    /// for nothing: it keeps failing, and one probe will go when its rest is over.
    pub(super) fn wait(&self, now: Duration) -> Option<Duration> {
        match self.rest {
            Some(rest) if rest.is_pause => Some(rest.until.saturating_sub(now)),
            _ => self.may_go(now).then_some(Duration::ZERO),
        }
    }

    /// Whether a call would be let through at once.
    pub(super) fn may_go(&self, now: Duration) -> bool {
        self.rest.is_none_or(|it| now >= it.until && (it.is_pause || it.may_try(now)))
    }

    pub(super) fn view(&self, now: Duration) -> BreakerView {
        BreakerView {
            failures: self.failures.max(self.breaks),
            times: self.times,
            left: self.left(now),
            is_pause: self.rest.is_some_and(|it| it.is_pause),
        }
    }
}

/// Whether a failure is the caller's own fault, and says nothing of the target.
pub(super) fn is_callers(kind: FailureKind) -> bool {
    weight(kind) == Weight::None
}

/// What a failure says of the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weight {
    /// Nothing: it is the caller's fault.
    None,
    /// It cannot take more now; it counts as one, unless the target says when to come back.
    Asks,
    /// It counts as one.
    One,
    /// There is no use in trying it again soon; but it counts as one if the target is known to answer others.
    All,
}

fn weight(kind: FailureKind) -> Weight {
    match kind {
        FailureKind::Invalid | FailureKind::TooLong => Weight::None,
        FailureKind::Throttled | FailureKind::NotReady => Weight::Asks,
        FailureKind::Denied | FailureKind::NotFound | FailureKind::QuotaExceeded => Weight::All,
        FailureKind::TimedOut
        | FailureKind::Model
        | FailureKind::Unavailable
        | FailureKind::Broken
        | FailureKind::Internal => Weight::One,
    }
}
