//! What replicas tell each other of targets that fail: in the background, twice a second.
//!
//! Each process goes by what it saw itself. What others say is added: a target that one of them found to fail rests here
//! too, and when its rest is over one of them all tries it. Where they cannot be reached, each tries for itself.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use outcrop_ports::{PortError, Resting};
use tokio_util::sync::CancellationToken;

use super::breaker::News;
use super::resting::RestingTargets;
use super::{Router, TargetState};

/// Between two rounds.
const EVERY: Duration = Duration::from_millis(500);

/// Nobody probes a target for somebody else: only what was wanted lately is probed.
const WANTED_LATELY: Duration = Duration::from_secs(10);

impl Router {
    /// Tells other replicas of targets that fail, hears of theirs, and asks for leave to probe, until told to stop.
    pub(crate) async fn run(&self, stop: &CancellationToken) {
        let (mut away, mut resting) = (false, RestingTargets::new());
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
            let round = self.round().await;
            match &round {
                Err(error) if !away => {
                    tracing::warn!(error = %error.chain(), "replicas cannot tell each other of failing targets; each goes by what it sees itself");
                }
                Ok(()) if away => tracing::info!("replicas tell each other of failing targets again"),
                Ok(()) | Err(_) => {}
            }
            away = round.is_err();
            resting.tell(&self.targets.all());
            self.targets.sweep();
        }
    }

    /// One round. On its first failure the rest is left for the next: only probes do not wait.
    pub(super) async fn round(&self) -> Result<(), PortError> {
        let states = self.targets.all();
        if states.is_empty() {
            return Ok(());
        }
        let told = self.tell(&states).await;
        let heard = match told {
            Ok(()) => self.hear(&states).await,
            Err(error) => Err(error),
        };
        self.ask_for_leave(&states, heard.is_ok()).await;
        heard
    }

    async fn tell(&self, states: &[Arc<TargetState>]) -> Result<(), PortError> {
        let health = &self.ports.health;
        for state in states {
            let Some(news) = state.take_news() else { continue };
            let told = match news {
                News::Rests { until, times } => {
                    let target = state.name().to_owned();
                    health.rest(&Resting { target, until_ms: self.wall_ms(until), times }).await
                }
                News::Recovered => health.recovered(state.name()).await,
            };
            state.told(news, told.is_ok());
            told?;
        }
        Ok(())
    }

    async fn hear(&self, states: &[Arc<TargetState>]) -> Result<(), PortError> {
        let resting = self.ports.health.resting().await?;
        let by_name: HashMap<&str, &Resting> = resting.iter().map(|it| (it.target.as_str(), it)).collect();
        for state in states {
            let rest = by_name.get(state.name());
            state.heard(rest.map(|it| (self.monotonic(it.until_ms), it.times)));
        }
        Ok(())
    }

    /// Asks a moment early, so that a probe can go as soon as the rest is over.
    async fn ask_for_leave(&self, states: &[Arc<TargetState>], can_ask: bool) {
        let soon = self.ports.clock.monotonic() + EVERY;
        for state in states.iter().filter(|it| it.needs_leave(soon, WANTED_LATELY)) {
            let probe = self.targets.probe_time();
            // Where nobody can be asked, everybody may.
            let granted =
                !can_ask || self.ports.health.claim_probe(state.name(), probe).await.unwrap_or(true);
            state.leave(granted);
        }
    }

    /// A moment of this process, by the wall.
    fn wall_ms(&self, moment: Duration) -> u64 {
        let ahead = moment.saturating_sub(self.ports.clock.monotonic());
        let now = u64::try_from(self.ports.clock.now().timestamp_millis()).unwrap_or(0);
        now.saturating_add(u64::try_from(ahead.as_millis()).unwrap_or(u64::MAX))
    }

    /// A moment by the wall, in this process.
    fn monotonic(&self, wall_ms: u64) -> Duration {
        let now = u64::try_from(self.ports.clock.now().timestamp_millis()).unwrap_or(0);
        let here = self.ports.clock.monotonic();
        match wall_ms.checked_sub(now) {
            Some(ahead) => here + Duration::from_millis(ahead),
            None => here.saturating_sub(Duration::from_millis(now - wall_ms)),
        }
    }
}
