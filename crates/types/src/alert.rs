//! A share of a budget that was spent.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{AlertId, Level, Money, Period, PolicyId, TeamId};

/// Raised once for each share (`per_cent`) of each budget of each holder in each period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// Its id.
    pub id: AlertId,
    /// When it was raised.
    pub at: DateTime<Utc>,
    /// The policy whose budget it is.
    pub policy: PolicyId,
    /// The policy's level.
    pub level: Level,
    /// Whose money it is: the id of the team, person, program or key; `platform`.
    pub holder: String,
    /// The team it belongs to, if to one.
    pub team: Option<TeamId>,
    /// The models it is for, if not all.
    pub model: Option<String>,
    /// The budget.
    pub budget: Money,
    /// The time it is for.
    pub period: Period,
    /// When that time began; of a rolling one, the beginning of the day.
    pub period_start: DateTime<Utc>,
    /// The share that was reached.
    pub per_cent: u8,
    /// What was spent when that was seen.
    pub spent: Money,
}
