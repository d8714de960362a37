//! What policies say of one call.

use std::fmt;

use outcrop_types::{
    Budget, Calendar, KeyId, Level, Money, Pattern, Period, PolicyId, Subject, Target, TeamId,
};

/// What is said of a call, by all policies that are for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Terms {
    /// What it is counted against.
    pub(crate) limits: Vec<Limit>,
    /// The most tokens it may write.
    pub(crate) clamp: Option<Clamp>,
    /// How many it may write if it does not say.
    pub(crate) default_output: Option<u32>,
    /// Levels, and whose policies there let the model be called without a known price: by the budgets of the same owner.
    pub(crate) unpriced: Vec<(Level, Owner)>,
}

/// A bound of what a call writes, and who says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Clamp {
    pub(crate) tokens: u32,
    pub(crate) level: Level,
}

/// Who says how much may be used. Of one level, what a team says of its people and keys replaces nothing of what the
/// platform says of them: both hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    Platform,
    Team,
}

/// One limit, for one holder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Limit {
    pub(crate) level: Level,
    pub(crate) owner: Owner,
    /// The policy that says so; `None` is a setting, or the key itself.
    pub(crate) policy: Option<PolicyId>,
    /// The models it is for.
    pub(crate) model: Option<Pattern>,
    pub(crate) holder: Holder,
    pub(crate) what: Limited,
}

/// What is limited, and to how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limited {
    /// Calls in a minute.
    Requests(u32),
    /// Tokens in a minute.
    Tokens(u32),
    /// Calls under way.
    Concurrency(u32),
    /// Money in a time.
    Money { usd: Money, period: Period },
}

/// Whose calls count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) team: Option<TeamId>,
    pub(crate) subject: Option<Subject>,
    pub(crate) key: Option<KeyId>,
}

impl Owner {
    /// Whose a policy is. What a team may use as a whole is the platform's to say, whichever team is named.
    pub(crate) const fn of(target: &Target) -> Self {
        if target.is_within_a_team() { Self::Team } else { Self::Platform }
    }
}

impl From<&Budget> for Limited {
    fn from(budget: &Budget) -> Self {
        Self::Money { usd: budget.usd, period: budget.period }
    }
}

impl Limit {
    /// Under which name it is counted.
    pub(crate) fn name(&self) -> String {
        let (what, holder) = (self.what.name(), self.holder.id());
        match (&self.policy, self.what) {
            // Each zone begins its days elsewhere, so that what was counted in another is of no use.
            (Some(policy), Limited::Money { period: Period::Calendar { time_zone, .. }, .. })
                if time_zone != outcrop_types::TimeZone::UTC =>
            {
                format!("{policy}:{what}@{time_zone}:{holder}")
            }
            (Some(policy), _) => format!("{policy}:{what}:{holder}"),
            (None, _) => format!("{}:{holder}:{what}", self.level),
        }
    }
}

impl Limited {
    /// A word for it in names of meters.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Requests(_) => "requests",
            Self::Tokens(_) => "tokens",
            Self::Concurrency(_) => "concurrency",
            Self::Money { period, .. } => period.name(),
        }
    }
}

impl Holder {
    /// The narrowest id: of the key, the person or program, the team; `platform`.
    pub(crate) fn id(&self) -> HolderId<'_> {
        HolderId(self)
    }
}

/// See [`Holder::id`].
pub(crate) struct HolderId<'a>(&'a Holder);

impl fmt::Display for HolderId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Holder { key: Some(key), .. } => key.fmt(f),
            Holder { subject: Some(subject), .. } => subject.fmt(f),
            Holder { team: Some(team), .. } => team.fmt(f),
            _ => f.write_str("platform"),
        }
    }
}

/// A time as it is said after an amount: `per month`, `in 7 days`.
pub(crate) fn per(period: Period) -> String {
    match period {
        Period::Calendar { calendar: Calendar::Day, .. } => "per day".to_owned(),
        Period::Calendar { calendar: Calendar::Week, .. } => "per week".to_owned(),
        Period::Calendar { calendar: Calendar::Month, .. } => "per month".to_owned(),
        Period::Rolling { days: 1 } => "in 24 hours".to_owned(),
        Period::Rolling { days } => format!("in {days} days"),
    }
}
