//! How much may be used: policies, attached to the platform, a team, a person or program, or a key.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize};

use crate::{
    CacheRule, Calendar, GuardrailRule, KeyId, Money, Pattern, PolicyId, Residency, Subject, TeamId,
    TimeZone, Way,
};

/// Most entries of each list of a policy.
pub const MAX_POLICY_ENTRIES: usize = 32;
/// The largest budget: sums up to this stay exact wherever they are counted (2^53 billionths of a dollar).
pub const MAX_BUDGET: Money = Money::from_nano_usd(9_000_000_000_000_000);

/// Limits for somebody, on all models or on some.
///
/// Every policy that is for a call counts it. Of those that are at one level, of one owner, for the same models, and
/// limit the same thing, the most particular one takes the place of the others: one for a named key that of one for each
/// key. What names users or keys in a team is that team's, everything else the platform's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Its id.
    pub id: PolicyId,
    /// For whom it is.
    pub target: Target,
    /// For which models, by the name asked for or an id of what is behind it; `None` is all.
    pub model: Option<Pattern>,
    /// What it says.
    pub rules: Rules,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
    /// How often it was changed.
    pub revision: u32,
}

/// Levels, from the narrowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// One key.
    Key,
    /// One person or program, with all of its keys and logins.
    User,
    /// One team.
    Team,
    /// Everybody together.
    Platform,
}

impl Level {
    /// Every level.
    pub const ALL: [Self; 4] = [Self::Key, Self::User, Self::Team, Self::Platform];

    /// The name in the API, in errors and in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::User => "user",
            Self::Team => "team",
            Self::Platform => "platform",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// For whom a policy is. Without a name it is for each one at its level, each counted alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "level", rename_all = "snake_case", deny_unknown_fields)]
pub enum Target {
    /// Everybody together.
    Platform,
    /// This team, or each team.
    Team {
        /// The team.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        team: Option<TeamId>,
    },
    /// This person or program, or each; in this team, or in whichever it acts for.
    User {
        /// The person or program: `user_…` or `svc_…`.
        #[serde(default, skip_serializing_if = "Option::is_none", with = "subject_text")]
        user: Option<Subject>,
        /// In this team only.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        team: Option<TeamId>,
    },
    /// This key, or each; of this team, or of any. A key and a team that are both named belong together.
    Key {
        /// The key.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<KeyId>,
        /// Of this team only.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        team: Option<TeamId>,
    },
}

impl Target {
    /// Its level.
    #[must_use]
    pub const fn level(&self) -> Level {
        match self {
            Self::Platform => Level::Platform,
            Self::Team { .. } => Level::Team,
            Self::User { .. } => Level::User,
            Self::Key { .. } => Level::Key,
        }
    }

    /// The team whose affair it is; `None` is the platform's.
    #[must_use]
    pub const fn team(&self) -> Option<TeamId> {
        match self {
            Self::Platform => None,
            Self::Team { team } | Self::User { team, .. } | Self::Key { team, .. } => *team,
        }
    }

    /// Whether it is what a team says of its own people and keys: such a policy replaces nothing of what the platform says
    /// of them. What a team may use as a whole is the platform's to say, whichever team is named.
    #[must_use]
    pub const fn is_within_a_team(&self) -> bool {
        matches!(self, Self::User { team: Some(_), .. } | Self::Key { team: Some(_), .. })
    }

    /// The target as one text, unique for each: `key:*:team_…`, `user:user_…:*`. What the database keeps unique.
    #[must_use]
    pub fn as_text(&self) -> String {
        let or_each = |id: Option<String>| id.unwrap_or_else(|| "*".to_owned());
        match self {
            Self::Platform => "platform".to_owned(),
            Self::Team { team } => format!("team:{}", or_each(team.map(|it| it.to_string()))),
            Self::User { user, team } => format!(
                "user:{}:{}",
                or_each(user.map(|it| it.to_string())),
                or_each(team.map(|it| it.to_string()))
            ),
            Self::Key { key, team } => format!(
                "key:{}:{}",
                or_each(key.as_ref().map(ToString::to_string)),
                or_each(team.map(|it| it.to_string()))
            ),
        }
    }
}

/// What a policy says; what is absent is not limited by it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// Model calls in a sliding window of 60 seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u32>,
    /// Tokens in a sliding window of 60 seconds, counted as Bedrock's own quota counts them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_per_minute: Option<u32>,
    /// Calls under way at the same time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrent_requests: Option<u32>,
    /// Money in a time, one for each kind of time at most.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub budgets: Vec<Budget>,
    /// Most output tokens of one answer; what asks for more gets this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<u32>,
    /// Output tokens of an answer whose request does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_output_tokens: Option<u32>,
    /// Only these models; empty is all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<Pattern>,
    /// Models without a known price that may be called in spite of a budget.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow_unpriced: Vec<Pattern>,
    /// The areas that no call leaves, whichever way it is routed. What is said at each level holds at once.
    #[serde(skip_serializing_if = "Residency::is_empty")]
    pub residency: Residency,
    /// Guardrails that look on. What is said at each level holds at once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub guardrails: Vec<GuardrailRule>,
    /// Whether answers are kept and given again; the narrowest level that says so decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<CacheRule>,
    /// The ways that work may be done which can wait; on demand is always among them. What is said at each level holds at
    /// once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ways: Option<Vec<Way>>,
}

impl Rules {
    /// Whether nothing is said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Money that may be spent in a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "WrittenBudget", into = "WrittenBudget")]
pub struct Budget {
    /// How much.
    pub usd: Money,
    /// In which time.
    pub period: Period,
    /// Per cent of it at which an alert is raised, each once in a period.
    pub alert_at: Vec<u8>,
}

/// The time a budget is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// A day, week or month.
    Calendar {
        /// Which.
        calendar: Calendar,
        /// Where.
        time_zone: TimeZone,
    },
    /// The last so many days, at any moment.
    Rolling {
        /// How many, 1 to [`MAX_ROLLING_DAYS`].
        days: u8,
    },
}

/// Longest rolling budget, days.
pub const MAX_ROLLING_DAYS: u8 = 31;

impl Period {
    /// The name in the API and in counters: `day`, `rolling`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Calendar { calendar: Calendar::Day, .. } => "day",
            Self::Calendar { calendar: Calendar::Week, .. } => "week",
            Self::Calendar { calendar: Calendar::Month, .. } => "month",
            Self::Rolling { .. } => "rolling",
        }
    }
}

/// A budget as it is written: `{"usd": "50", "period": "month", "time_zone": "Europe/Zurich", "alert_at": [80]}`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenBudget {
    usd: Money,
    period: WrittenPeriod,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    time_zone: Option<TimeZone>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    days: Option<u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "shares")]
    alert_at: Vec<u8>,
}

/// Shares of a budget, in per cent. The range of a byte is nobody's concern.
fn shares<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
    let read = Vec::<u64>::deserialize(from)?;
    let small = read.into_iter().map(u8::try_from).collect::<Result<_, _>>();
    small.map_err(|_| serde::de::Error::custom("must hold whole numbers from 1 to 100"))
}

/// Read as text first: serde_json calls a number in the place of an enum no JSON.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(try_from = "String", rename_all = "snake_case")]
enum WrittenPeriod {
    Day,
    Week,
    Month,
    Rolling,
}

impl TryFrom<String> for WrittenPeriod {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        match text.as_str() {
            "day" => Ok(Self::Day),
            "week" => Ok(Self::Week),
            "month" => Ok(Self::Month),
            "rolling" => Ok(Self::Rolling),
            _ => Err("must be `day`, `week`, `month` or `rolling`"),
        }
    }
}

impl TryFrom<WrittenBudget> for Budget {
    type Error = &'static str;

    fn try_from(written: WrittenBudget) -> Result<Self, Self::Error> {
        let WrittenBudget { usd, period, time_zone, days, alert_at } = written;
        let calendar = match period {
            WrittenPeriod::Day => Calendar::Day,
            WrittenPeriod::Week => Calendar::Week,
            WrittenPeriod::Month => Calendar::Month,
            WrittenPeriod::Rolling => {
                if time_zone.is_some() {
                    return Err("is rolling, and so has no `time_zone`");
                }
                let days = days.and_then(|days| u8::try_from(days).ok());
                let days = days.filter(|days| (1..=MAX_ROLLING_DAYS).contains(days));
                let days = days.ok_or("is rolling, and so must say of how many `days`: 1 to 31")?;
                return Ok(Self { usd, period: Period::Rolling { days }, alert_at });
            }
        };
        if days.is_some() {
            return Err("has `days`, which only a rolling budget has");
        }
        let time_zone = time_zone.unwrap_or_default();
        Ok(Self { usd, period: Period::Calendar { calendar, time_zone }, alert_at })
    }
}

impl From<Budget> for WrittenBudget {
    fn from(budget: Budget) -> Self {
        let Budget { usd, period, alert_at } = budget;
        let (period, time_zone, days) = match period {
            Period::Calendar { calendar, time_zone } => {
                let period = match calendar {
                    Calendar::Day => WrittenPeriod::Day,
                    Calendar::Week => WrittenPeriod::Week,
                    Calendar::Month => WrittenPeriod::Month,
                };
                (period, Some(time_zone), None)
            }
            Period::Rolling { days } => (WrittenPeriod::Rolling, None, Some(days.into())),
        };
        Self { usd, period, time_zone, days, alert_at }
    }
}

/// A subject as its id alone.
mod subject_text {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::Subject;

    #[expect(clippy::ref_option, reason = "serde asks for this signature")]
    pub(super) fn serialize<S: Serializer>(subject: &Option<Subject>, to: S) -> Result<S::Ok, S::Error> {
        subject.map(|it| it.to_string()).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Subject>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        text.map(|it| it.parse().map_err(serde::de::Error::custom)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_read_as_they_are_written() {
        for json in [
            r#"{"usd":"50","period":"month","time_zone":"Europe/Zurich","alert_at":[50,80]}"#,
            r#"{"usd":"0.5","period":"day","time_zone":"UTC"}"#,
            r#"{"usd":"7","period":"rolling","days":7}"#,
        ] {
            let budget: Budget = serde_json::from_str(json).unwrap();
            assert_eq!(serde_json::to_string(&budget).unwrap(), json);
        }
        for wrong in [
            r#"{"usd":"7","period":"rolling"}"#,
            r#"{"usd":"7","period":"rolling","days":32}"#,
            r#"{"usd":"7","period":"day","days":1}"#,
            r#"{"usd":7.5,"period":"day"}"#,
            r#"{"usd":"7","period":"day","time_zone":"Mars"}"#,
            r#"{"usd":"7","period":"day","colour":"red"}"#,
        ] {
            assert!(serde_json::from_str::<Budget>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn numbers_out_of_range_hear_of_the_range() {
        for (json, says) in [
            (r#"{"usd":"7","period":"rolling","days":100000}"#, "of how many `days`: 1 to 31"),
            (r#"{"usd":"7","period":"day","alert_at":[1000]}"#, "must hold whole numbers from 1 to 100"),
            (r#"{"usd":"7","period":"day","time_zone":"Mars"}"#, "must be an IANA name"),
            (r#"{"usd":"-7","period":"day"}"#, "must not be negative"),
        ] {
            let error = serde_json::from_str::<Budget>(json).unwrap_err().to_string();
            assert!(error.contains(says), "{json}: {error}");
        }
        let error = serde_json::from_str::<Target>(r#"{"level":"key","key":"x"}"#).unwrap_err().to_string();
        assert!(error.starts_with("must be the id of a key"), "{error}");
    }

    #[test]
    fn targets_read_as_they_are_written() {
        for json in [
            r#"{"level":"platform"}"#,
            r#"{"level":"team"}"#,
            r#"{"level":"user","user":"user_00000000000000000000000000000001"}"#,
            r#"{"level":"key","team":"team_00000000000000000000000000000001"}"#,
        ] {
            let target: Target = serde_json::from_str(json).unwrap();
            assert_eq!(serde_json::to_string(&target).unwrap(), json);
        }
        assert!(serde_json::from_str::<Target>(r#"{"level":"team","user":"x"}"#).is_err());
    }
}
