//! Limits that nobody else uses, and times to use them at.

use std::time::Duration;

use uuid::Uuid;

use crate::{Kind, Meter, Window};

pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const MINUTE: Duration = Duration::from_secs(60);
pub(super) const HOUR: Duration = Duration::from_secs(3_600);
pub(super) const DAY: Duration = Duration::from_secs(86_400);
/// The start of a minute, an hour and a day, in the year 2096.
pub(super) const START: Duration = Duration::from_secs(86_400 * 46_300);

/// An id unlike any other, also of earlier runs: adapters may share one server.
#[expect(clippy::disallowed_methods, reason = "adapters may share one server, also with earlier runs")]
pub(super) fn id() -> Uuid {
    Uuid::now_v7()
}

/// A name unlike any other.
pub(super) fn named(name: &str) -> String {
    format!("{name}:{}", id())
}

/// Calls in a sliding minute.
pub(super) fn requests(limit: u64) -> Meter {
    Meter { name: named("requests"), kind: Kind::Requests, window: sliding(MINUTE), limit, amount: 1 }
}

/// Tokens in a sliding minute.
pub(super) fn tokens(limit: u64, amount: u64) -> Meter {
    Meter { name: named("tokens"), kind: Kind::Tokens, window: sliding(MINUTE), limit, amount }
}

/// Calls at a time.
pub(super) fn concurrency(limit: u64) -> Meter {
    Meter { name: named("concurrency"), kind: Kind::Concurrency, window: Window::Open, limit, amount: 1 }
}

/// Money of the day of a moment.
pub(super) fn money(day: Duration, limit: u64, amount: u64) -> Meter {
    Meter { name: named("money"), kind: Kind::Money, window: day_of(day), limit, amount }
}

/// Money of the last three days: the present one and two before it.
pub(super) fn rolling_money(limit: u64, amount: u64) -> Meter {
    let window = Window::Rolling { slot_ms: millis(DAY), slots: 2 };
    Meter { name: named("rolling"), kind: Kind::Money, window, limit, amount }
}

pub(super) fn sliding(length: Duration) -> Window {
    Window::Sliding { length_ms: millis(length) }
}

/// The day of a moment.
pub(super) fn day_of(now: Duration) -> Window {
    let from_ms = millis(now) / millis(DAY) * millis(DAY);
    Window::Calendar { from_ms, until_ms: from_ms + millis(DAY) }
}

pub(super) fn millis(duration: Duration) -> u64 {
    duration.as_millis().try_into().unwrap_or(u64::MAX)
}
