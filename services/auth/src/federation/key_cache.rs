//! The keys of one issuer, kept for an hour and fetched by one request at a time.
//!
//! A key that is not among them is reason to fetch them again, but not more often than every 30 seconds: anybody can
//! make up a token with an unknown key. An issuer that is away is trusted by the keys at hand for a day.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::Shared;
use outcrop_ports::{Clock, Outbound, PortError};
use tokio::sync::oneshot;

use super::discovery::{self, Published};
use super::settings::Issuer;

/// How long keys are taken without asking.
const FRESH: Duration = Duration::from_secs(3_600);

/// How long they are taken while the issuer is away.
const USABLE: Duration = Duration::from_secs(24 * 3_600);

/// How soon an issuer that was away is asked again.
const RETRY: Duration = Duration::from_secs(5);

/// How soon it is asked again for a key that it does not have.
const MISS: Duration = Duration::from_secs(30);

/// A request under way, awaited by all who need it; it ends also if whoever flies it is no more.
type Flight = Shared<oneshot::Receiver<()>>;

/// What one issuer published, and when.
pub(super) struct KeyCache {
    issuer: Issuer,
    state: Mutex<State>,
}

/// All times are of the monotonic clock.
#[derive(Default)]
struct State {
    known: Option<(Arc<Published>, Duration)>,
    flight: Option<Flight>,
    tried_at: Option<Duration>,
    missed_at: Option<Duration>,
    /// Why the last try brought nothing, if it did not.
    failure: Option<String>,
}

/// What is to be done.
enum Step {
    /// Take this, now.
    Have(Arc<Published>),
    /// Wait, then look again.
    Wait(Flight),
    /// Nothing better is to be had now.
    Nothing,
}

impl KeyCache {
    pub(super) fn new(issuer: Issuer) -> Self {
        Self { issuer, state: Mutex::default() }
    }

    /// What the issuer publishes; an error if it is away and was not asked within a day.
    pub(super) async fn current(
        self: &Arc<Self>,
        outbound: &Arc<dyn Outbound>,
        clock: &Arc<dyn Clock>,
    ) -> Result<Arc<Published>, PortError> {
        let now = clock.monotonic();
        let (step, begun) = self.state().step(now);
        self.fly(begun, outbound, clock);
        match step {
            Step::Have(published) => return Ok(published),
            Step::Wait(flight) => drop(flight.await),
            Step::Nothing => {}
        }
        let state = self.state();
        state.usable(clock.monotonic()).ok_or_else(|| self.away(&state))
    }

    /// Something newer than `old`, which lacks a key; `None` if there is nothing newer, an error if that cannot be
    /// told now.
    pub(super) async fn newer(
        self: &Arc<Self>,
        old: &Arc<Published>,
        outbound: &Arc<dyn Outbound>,
        clock: &Arc<dyn Clock>,
    ) -> Result<Option<Arc<Published>>, PortError> {
        let (step, begun) = self.state().step_for_newer(old, clock.monotonic());
        self.fly(begun, outbound, clock);
        match step {
            Step::Have(published) => return Ok(Some(published)),
            Step::Wait(flight) => drop(flight.await),
            Step::Nothing => {}
        }
        let state = self.state();
        match (&state.known, &state.failure) {
            (Some((published, _)), _) if !Arc::ptr_eq(published, old) => Ok(Some(Arc::clone(published))),
            (_, Some(_)) => Err(self.away(&state)),
            (_, None) => Ok(None),
        }
    }

    /// Asks the issuer, beside the request: whoever began it may go away before it is done.
    fn fly(
        self: &Arc<Self>,
        begun: Option<oneshot::Sender<()>>,
        outbound: &Arc<dyn Outbound>,
        clock: &Arc<dyn Clock>,
    ) {
        let Some(tell) = begun else { return };
        let (this, outbound, clock) = (Arc::clone(self), Arc::clone(outbound), Arc::clone(clock));
        tokio::spawn(async move {
            let found = discovery::ask(&this.issuer, &*outbound).await;
            this.land(found, clock.monotonic());
            // Nobody may be waiting any more.
            let _ = tell.send(());
        });
    }

    fn land(&self, found: Result<Published, PortError>, now: Duration) {
        let name = &self.issuer.name;
        let mut state = self.state();
        match found {
            Ok(published) => {
                state.known = Some((Arc::new(published), now));
                if state.failure.take().is_some() {
                    tracing::info!(issuer = name, "the issuer answers again");
                }
            }
            Err(error) => {
                let line = error.chain();
                if state.failure.is_none() {
                    let kept = state.usable(now).is_some();
                    tracing::warn!(
                        issuer = name,
                        error = line,
                        kept,
                        "the issuer is away; its keys at hand are used meanwhile"
                    );
                }
                state.failure = Some(line);
            }
        }
    }

    fn away(&self, state: &State) -> PortError {
        let line = state.failure.clone().unwrap_or_else(|| "the request was given up".to_owned());
        PortError::unavailable(format!("check with the issuer `{}`", self.issuer.name), line)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn step(&mut self, now: Duration) -> (Step, Option<oneshot::Sender<()>>) {
        if let Some((published, at)) = &self.known
            && now.saturating_sub(*at) < FRESH
        {
            return (Step::Have(Arc::clone(published)), None);
        }
        // Whoever is away is not waited for by everybody, as long as there is something to go by.
        let spare = self.usable(now).filter(|_| self.failure.is_some());
        let retry = self.failure.is_none() || elapsed(self.tried_at, now, RETRY);
        let (flight, begun) = match self.under_way() {
            Some(flight) => (Some(flight), None),
            None if retry => {
                let (flight, begun) = self.begin(now);
                (Some(flight), Some(begun))
            }
            None => (None, None),
        };
        let step = match (spare, flight) {
            (Some(published), _) => Step::Have(published),
            (None, Some(flight)) => Step::Wait(flight),
            (None, None) => Step::Nothing,
        };
        (step, begun)
    }

    fn step_for_newer(&mut self, old: &Arc<Published>, now: Duration) -> (Step, Option<oneshot::Sender<()>>) {
        if let Some((published, _)) = &self.known
            && !Arc::ptr_eq(published, old)
        {
            return (Step::Have(Arc::clone(published)), None);
        }
        if let Some(flight) = self.under_way() {
            return (Step::Wait(flight), None);
        }
        if !elapsed(self.missed_at, now, MISS) {
            return (Step::Nothing, None);
        }
        self.missed_at = Some(now);
        let (flight, begun) = self.begin(now);
        (Step::Wait(flight), Some(begun))
    }

    fn begin(&mut self, now: Duration) -> (Flight, oneshot::Sender<()>) {
        let (tell, told) = oneshot::channel();
        let flight = told.shared();
        self.flight = Some(flight.clone());
        self.tried_at = Some(now);
        (flight, tell)
    }

    fn under_way(&mut self) -> Option<Flight> {
        // Polled by nobody, a flight that has landed does not show it.
        if let Some(flight) = &self.flight
            && flight.clone().now_or_never().is_none()
        {
            return self.flight.clone();
        }
        self.flight = None;
        None
    }

    fn usable(&self, now: Duration) -> Option<Arc<Published>> {
        let (published, at) = self.known.as_ref()?;
        (now.saturating_sub(*at) < USABLE).then(|| Arc::clone(published))
    }
}

fn elapsed(since: Option<Duration>, now: Duration, length: Duration) -> bool {
    since.is_none_or(|since| now.saturating_sub(since) >= length)
}
