//! Where limits stand.

use chrono::{DateTime, Utc};
use outcrop_policy::{Decision, Resource, decide};
use outcrop_ports::{Kind, Meter, MeterState, Window};
use outcrop_types::{Level, Pattern, Period, Permission, PolicyId, Principal, Role};

use super::{AdmissionControl, since_epoch};
use crate::policies::{Limit, Limited};
use crate::{ChatError, InferenceService};

/// Where one limit stands, for the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) kind: Kind,
    pub(crate) state: MeterState,
}

/// Where one limit of a caller stands, and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LimitStanding {
    pub(crate) level: Level,
    pub(crate) kind: Kind,
    /// Of a budget, the time it is for.
    pub(crate) period: Option<Period>,
    /// The models it is for, if not all.
    pub(crate) model: Option<Pattern>,
    /// In the unit of its kind; of money, billionths of a dollar.
    pub(crate) limit: u64,
    /// Whether something is left.
    pub(crate) has_room: bool,
    /// How much is used. What others use is no affair of whoever may not read their usage.
    pub(crate) figures: Option<Figures>,
    /// When it is free again, if nothing more is used.
    pub(crate) reset: Option<DateTime<Utc>>,
    /// The policy that says so, for those who may see policies.
    pub(crate) policy: Option<PolicyId>,
}

/// How much of a limit is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Figures {
    /// By calls that have ended.
    pub(crate) used: u64,
    /// By calls under way.
    pub(crate) held: u64,
    pub(crate) remaining: u64,
}

impl InferenceService {
    /// Where every limit stands that is for a caller, whichever model it calls.
    pub(crate) async fn standing(&self, principal: &Principal) -> Result<Vec<LimitStanding>, ChatError> {
        self.inner().admission.standing(principal).await
    }
}

impl AdmissionControl {
    async fn standing(&self, principal: &Principal) -> Result<Vec<LimitStanding>, ChatError> {
        let now = self.clock.now();
        let limits = self.policies.book().await?.limits(principal, &self.config);
        let meters: Vec<_> = limits.iter().map(|limit| limit.meter(0, now)).collect();
        let states = self.limiter.read(&meters, since_epoch(&*self.clock)).await;
        let states = states.map_err(|source| ChatError::Limits { source })?;
        let sees = matches!(principal.role, Role::PlatformAdmin | Role::TeamAdmin);
        let mut standings = Vec::with_capacity(limits.len());
        for ((limit, meter), state) in limits.iter().zip(&meters).zip(states) {
            let state = self.with_past(limit, meter, state).await?;
            let standing = LimitStanding::new(limit, meter, (state, now), sees);
            standings.push(standing.for_eyes_of(principal));
        }
        Ok(standings)
    }

    /// A budget that nobody has used since its count began is where the ledger says.
    async fn with_past(
        &self,
        limit: &Limit,
        meter: &Meter,
        state: MeterState,
    ) -> Result<MeterState, ChatError> {
        if meter.kind != Kind::Money || self.budgets.left(&meter.name).is_some() {
            return Ok(state);
        }
        let known = self.seeder.spent(limit).await.map_err(|source| ChatError::Limits { source })?;
        Ok(MeterState { settled: state.settled.max(known), ..state })
    }
}

impl LimitStanding {
    fn new(limit: &Limit, meter: &Meter, (state, now): (MeterState, DateTime<Utc>), sees: bool) -> Self {
        let reset = match meter.window {
            Window::Open => None,
            Window::Calendar { until_ms, .. } => {
                i64::try_from(until_ms).ok().and_then(DateTime::from_timestamp_millis)
            }
            _ => chrono::Duration::from_std(state.reset_after).ok().map(|wait| now + wait),
        };
        let period = match limit.what {
            Limited::Money { period, .. } => Some(period),
            _ => None,
        };
        Self {
            level: limit.level,
            kind: meter.kind,
            period,
            model: limit.model.clone(),
            limit: state.limit,
            has_room: state.remaining() > 0,
            figures: Some(Figures { used: state.settled, held: state.held, remaining: state.remaining() }),
            reset,
            policy: limit.policy.filter(|_| sees),
        }
    }

    /// Without what the caller may not know.
    fn for_eyes_of(self, caller: &Principal) -> Self {
        let of = match self.level {
            Level::Platform => Resource::Platform,
            Level::Team => Resource::Team(caller.team),
            // These are counted for the caller alone.
            Level::User | Level::Key => return self,
        };
        let reads = decide(caller, Permission::ReadUsage, of) == Decision::Allow;
        Self { figures: self.figures.filter(|_| reads), ..self }
    }
}

/// Of requests and of tokens, where the limit stands that has least left.
pub(super) fn tightest(meters: &[Meter], states: &[MeterState]) -> Vec<Standing> {
    let of = |kind: Kind| {
        let states =
            meters.iter().zip(states).filter(|(meter, _)| meter.kind == kind).map(|(_, state)| *state);
        states.min_by_key(MeterState::remaining).map(|state| Standing { kind, state })
    };
    [of(Kind::Requests), of(Kind::Tokens)].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::principal;

    #[test]
    fn what_others_use_is_told_only_to_those_who_may_read_it() {
        let told = |role, level| {
            let figures = Some(Figures { used: 7, held: 1, remaining: 2 });
            let standing = LimitStanding {
                level,
                kind: Kind::Requests,
                period: None,
                model: None,
                limit: 10,
                has_room: true,
                figures,
                reset: None,
                policy: None,
            };
            let seen = standing.for_eyes_of(&Principal { role, ..principal() });
            assert!(seen.has_room && seen.limit == 10);
            seen.figures.is_some()
        };
        let levels = [Level::Platform, Level::Team, Level::User, Level::Key];
        let seen = |role| levels.map(|level| told(role, level));
        assert_eq!(seen(Role::PlatformAdmin), [true; 4]);
        assert_eq!(seen(Role::TeamAdmin), [false, true, true, true]);
        assert_eq!(seen(Role::Service), [false, false, true, true]);
    }
}
