//! Whether a call may be made now: the limits of its key and its team, counted in one step.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use outcrop_config::{LimitsConfig, OnUnavailable};
use outcrop_ports::{Admission, Clock, Limiter, PortError, Window, WindowState};
use outcrop_types::Principal;

const MINUTE: Duration = Duration::from_secs(60);

/// Why a call is not admitted.
#[derive(Debug)]
pub(crate) enum NotAdmitted {
    /// A limit is reached, or would be by so many calls.
    Full { full: WindowState, calls: u32, retry_after: Duration },
    /// The counters cannot be reached, and settings say to refuse then.
    Unknown(PortError),
}

/// Asks the limiter, and knows what to do when it is away.
pub(crate) struct AdmissionControl {
    limiter: Arc<dyn Limiter>,
    local: Arc<dyn Limiter>,
    config: LimitsConfig,
    clock: Arc<dyn Clock>,
    /// Whether the limiter was away at the last call; only so that each change is logged once.
    away: AtomicBool,
}

impl AdmissionControl {
    pub(crate) fn new(
        limiter: Arc<dyn Limiter>,
        local: Arc<dyn Limiter>,
        config: LimitsConfig,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { limiter, local, config, clock, away: AtomicBool::new(false) }
    }

    /// Counts so many calls of this principal, or none. Where the tightest limit stands; `None` if nothing was counted.
    pub(crate) async fn admit(
        &self,
        principal: &Principal,
        calls: u32,
    ) -> Result<Option<WindowState>, NotAdmitted> {
        let windows = self.windows(principal);
        if windows.is_empty() {
            return Ok(None);
        }
        let now = self.now();
        match self.limiter.admit_many(&windows, calls, now).await {
            Ok(admission) => {
                if self.away.load(Ordering::Relaxed) && self.away.swap(false, Ordering::Relaxed) {
                    tracing::info!("limits are counted over all replicas again");
                }
                decided(admission, calls)
            }
            Err(error) => self.without_limiter(error, &windows, calls, now).await,
        }
    }

    async fn without_limiter(
        &self,
        error: PortError,
        windows: &[Window],
        calls: u32,
        now: Duration,
    ) -> Result<Option<WindowState>, NotAdmitted> {
        if !self.away.swap(true, Ordering::Relaxed) {
            let policy = match self.config.on_unavailable {
                OnUnavailable::Open => "calls are admitted uncounted",
                OnUnavailable::Closed => "limited calls are refused",
                OnUnavailable::Local => "calls are counted in this process alone",
            };
            tracing::error!(error = error.chain(), policy, "the limiter cannot be reached");
        }
        match self.config.on_unavailable {
            OnUnavailable::Open => Ok(None),
            OnUnavailable::Closed => Err(NotAdmitted::Unknown(error)),
            OnUnavailable::Local => {
                let admission = self.local.admit_many(windows, calls, now).await;
                decided(admission.map_err(NotAdmitted::Unknown)?, calls)
            }
        }
    }

    fn windows(&self, principal: &Principal) -> Vec<Window> {
        let mut windows = Vec::new();
        let per_key = principal.limits.requests_per_minute.or(self.config.requests_per_minute_per_key);
        if let Some(limit) = per_key {
            let name = match &principal.key {
                Some(key) => format!("key:{key}:requests"),
                None => format!("subject:{}:requests", principal.subject),
            };
            windows.push(Window { name, limit, length: MINUTE });
        }
        if let Some(limit) = self.config.requests_per_minute_per_team {
            windows.push(Window { name: format!("team:{}:requests", principal.team), limit, length: MINUTE });
        }
        windows
    }

    fn now(&self) -> Duration {
        let since = self.clock.now().signed_duration_since(chrono::DateTime::UNIX_EPOCH);
        since.to_std().unwrap_or_default()
    }
}

fn decided(admission: Admission, calls: u32) -> Result<Option<WindowState>, NotAdmitted> {
    match admission {
        Admission::Admitted { tightest } => Ok(tightest),
        Admission::Refused { full, retry_after } => Err(NotAdmitted::Full { full, calls, retry_after }),
    }
}

#[cfg(test)]
mod tests;
