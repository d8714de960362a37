//! A limit without room, as a client hears of it.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use outcrop_ports::{Kind, MeterState};
use outcrop_types::{Level, Money, Period};

use super::Standing;
use crate::policies::{Limit, Limited, per};

/// When to come back where that depends on calls under way.
const SOON: Duration = Duration::from_secs(1);

/// A limit has no room for a request.
#[derive(Debug)]
pub struct Exceeded {
    /// Which.
    pub(crate) limit: Limit,
    /// Where it stands.
    pub(crate) state: MeterState,
    /// What the whole request takes.
    pub(crate) wanted: u64,
    /// How many calls it makes.
    pub(crate) calls: u32,
    /// When there is room, if that is known.
    pub(crate) room_after: Option<Duration>,
    /// When it was asked.
    pub(crate) now: DateTime<Utc>,
    /// Whether this process alone counts, since the limiter of all is away.
    pub(crate) is_local: bool,
    /// Where the limits stand that clients hear of.
    pub(crate) standings: Vec<Standing>,
}

impl Exceeded {
    /// Whether the request is larger than the whole limit.
    pub(crate) const fn never_fits(&self) -> bool {
        self.wanted > self.state.limit
    }

    /// Whether only what calls under way hold is in the way: most of it comes back when they end.
    fn is_held(&self) -> bool {
        self.state.settled.saturating_add(self.wanted) <= self.state.limit
    }

    /// Whether it is a budget that is spent.
    pub(crate) fn is_spent(&self) -> bool {
        self.limit.kind() == Kind::Money && !self.is_held()
    }

    /// Whether trying again soon is of no use.
    pub(crate) fn is_final(&self) -> bool {
        self.never_fits() || self.is_spent()
    }

    /// When to come back; `None` if never.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        if self.never_fits() {
            return None;
        }
        let waits_for_calls = self.is_held() && matches!(self.limit.kind(), Kind::Money | Kind::Concurrency);
        Some(if waits_for_calls { SOON } else { self.room_after.unwrap_or(SOON) })
    }

    /// When it has room again: a moment in the zone of the budget.
    pub(crate) fn reset(&self) -> Option<String> {
        let wait = match self.limit.what {
            Limited::Concurrency(_) => return None,
            Limited::Money { period: Period::Calendar { calendar, time_zone }, .. } => {
                let (_, next) = time_zone.around(self.now, calendar);
                return Some(time_zone.local(next).to_rfc3339_opts(SecondsFormat::Secs, false));
            }
            // It would have none then either.
            _ if self.never_fits() => return None,
            _ => self.room_after.unwrap_or(self.state.reset_after),
        };
        let at = self.now.checked_add_signed(chrono::Duration::from_std(wait).ok()?)?;
        Some(up(at).to_rfc3339_opts(SecondsFormat::Secs, true))
    }

    /// The limit and its unit: `60 requests per minute`.
    pub(crate) fn size(&self) -> String {
        size(&self.limit)
    }

    /// The word for what is limited.
    pub(crate) const fn kind(&self) -> &'static str {
        kind_name(self.limit.kind())
    }

    fn of_whom(&self) -> String {
        let models = self.limit.model.as_ref().map(|it| format!(" on models `{it}`")).unwrap_or_default();
        format!("{}{models}", whose(self.limit.level))
    }

    fn money(&self, usd: Money, period: Period, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (budget, wanted) =
            (format!("budget of {usd} USD {} of {}", per(period), self.of_whom()), cents(self.wanted));
        if self.never_fits() {
            return write!(f, "This request may cost {wanted} USD, more than the whole {budget}.");
        }
        if self.is_held() {
            return write!(
                f,
                "What is left of the {budget} is held by calls that are under way; try again in a moment."
            );
        }
        if self.state.settled >= self.state.limit {
            write!(f, "The {budget} is spent")?;
        } else {
            let left = cents(self.state.limit - self.state.settled);
            write!(f, "The {budget} has {left} USD left, and this request may cost {wanted} USD")?;
        }
        match (self.reset(), period) {
            (Some(reset), Period::Calendar { .. }) => write!(f, "; it begins anew on {reset}."),
            (Some(reset), Period::Rolling { .. }) => write!(f, "; there is room again on {reset}."),
            (None, _) => f.write_str("."),
        }
    }
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whom, wanted, size) = (self.of_whom(), self.wanted, self.size());
        match self.limit.what {
            Limited::Money { usd, period } => self.money(usd, period, f),
            Limited::Requests(_) if self.never_fits() => {
                write!(f, "This request counts as {wanted}, more than the limit of {size} for {whom}.")
            }
            Limited::Requests(_) => {
                write!(f, "Rate limit reached: {size} for {whom}")?;
                if self.calls > 1 {
                    write!(f, ", and this one counts as {}", self.calls)?;
                }
                self.again(f)
            }
            Limited::Tokens(_) if self.never_fits() => write!(
                f,
                "This request counts as {wanted} tokens, what it reads and may write, more than the limit of {size} for {whom}."
            ),
            Limited::Tokens(_) => {
                write!(f, "Rate limit reached: {size} for {whom}, and this request counts as {wanted}")?;
                self.again(f)
            }
            Limited::Concurrency(_) if self.never_fits() => {
                let calls = if wanted == 1 { "call" } else { "calls" };
                write!(
                    f,
                    "This request makes {wanted} {calls} at once, more than the limit of {size} for {whom}."
                )
            }
            Limited::Concurrency(_) => {
                write!(f, "Limit reached: {size} for {whom}. Try again when one has ended.")
            }
        }
    }
}

impl Exceeded {
    fn again(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.room_after {
            Some(wait) => write!(f, ". Try again in {} s.", wait.as_millis().div_ceil(1000).max(1)),
            None => f.write_str("."),
        }
    }
}

/// A limit and its unit.
pub(crate) fn size(limit: &Limit) -> String {
    match limit.what {
        Limited::Requests(limit) => format!("{limit} requests per minute"),
        Limited::Tokens(limit) => format!("{limit} tokens per minute"),
        Limited::Concurrency(limit) => format!("{limit} requests at the same time"),
        Limited::Money { usd, period } => format!("{usd} USD {}", per(period)),
    }
}

/// The name of a kind in headers and in the API.
pub(crate) const fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Requests => "requests",
        Kind::Tokens => "tokens",
        Kind::Concurrency => "concurrency",
        Kind::Money => "money",
    }
}

/// A level as it is said to somebody at it.
pub(crate) const fn whose(level: Level) -> &'static str {
    match level {
        Level::Key => "this key",
        Level::User => "this user",
        Level::Team => "this team",
        Level::Platform => "the platform",
    }
}

/// An amount for people: two digits after the point, or as many as it takes to be more than nothing.
fn cents(nano: u64) -> Money {
    const CENT: u64 = 10_000_000;
    let unit = if nano >= CENT { CENT } else { 1_000 };
    Money::from_nano_usd(nano.div_ceil(unit) * unit)
}

/// Rounded up: whoever comes back a fraction too early is refused again.
fn up(at: DateTime<Utc>) -> DateTime<Utc> {
    let seconds = at.timestamp_millis().saturating_add(999).div_euclid(1000);
    DateTime::from_timestamp(seconds, 0).unwrap_or(at)
}
