//! Limits as meters: over which time, and how much a call takes at most, and took.

use chrono::{DateTime, Utc};
use outcrop_ports::{Kind, Meter, Window, window};
use outcrop_types::{Money, Period, TokenUsage};

use super::hold::Used;
use crate::policies::{Limit, Limited};

const MINUTE_MS: u64 = 60_000;
/// Parts of a minute that are counted apart; with the present one, a window is up to a twelfth longer than a minute.
const SLOTS: u32 = 12;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;
/// Hours before the present one in a rolling day.
const HOURS: u32 = 24;

/// What one call takes at most.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Estimate {
    /// As Bedrock's quota counts a call when it begins: input and the most output.
    pub(super) tokens: u64,
    /// What that costs; `None` where no price is known.
    pub(super) money: Option<Money>,
}

impl Limit {
    /// What is counted.
    pub(crate) const fn kind(&self) -> Kind {
        match self.what {
            Limited::Requests(_) => Kind::Requests,
            Limited::Tokens(_) => Kind::Tokens,
            Limited::Concurrency(_) => Kind::Concurrency,
            Limited::Money { .. } => Kind::Money,
        }
    }

    /// The meter of a limit, and what a call takes from it.
    pub(super) fn meter(&self, amount: u64, now: DateTime<Utc>) -> Meter {
        let (limit, most) = match self.what {
            Limited::Requests(limit) | Limited::Tokens(limit) => (limit.into(), window::MAX_SLIDING),
            Limited::Concurrency(limit) => (limit.into(), window::MAX_AMOUNT),
            Limited::Money { usd, .. } => (usd.nano_usd().min(window::MAX_AMOUNT), window::MAX_AMOUNT),
        };
        let window = self.window(now);
        Meter { name: self.name(), kind: self.kind(), window, limit, amount: amount.min(most) }
    }

    /// The time over which it is held. Slots of rolling windows begin with hours and days of universal time.
    pub(super) fn window(&self, now: DateTime<Utc>) -> Window {
        match self.what {
            // Whole slots, so that there is no minute, wherever it begins, with more in it than the limit.
            Limited::Requests(_) | Limited::Tokens(_) => {
                Window::Rolling { slot_ms: MINUTE_MS / u64::from(SLOTS), slots: SLOTS }
            }
            Limited::Concurrency(_) => Window::Open,
            Limited::Money { period: Period::Calendar { calendar, time_zone }, .. } => {
                let (from, until) = time_zone.around(now, calendar);
                Window::Calendar { from_ms: millis(from), until_ms: millis(until) }
            }
            Limited::Money { period: Period::Rolling { days: 0 | 1 }, .. } => {
                Window::Rolling { slot_ms: HOUR_MS, slots: HOURS }
            }
            Limited::Money { period: Period::Rolling { days }, .. } => {
                Window::Rolling { slot_ms: DAY_MS, slots: days.into() }
            }
        }
    }

    /// What one call takes; nothing is taken of a budget by a model without a price.
    pub(super) fn amount(&self, estimate: Estimate) -> Option<u64> {
        match self.what {
            Limited::Requests(_) | Limited::Concurrency(_) => Some(1),
            Limited::Tokens(_) => Some(estimate.tokens),
            Limited::Money { .. } => estimate.money.map(Money::nano_usd),
        }
    }
}

/// How a call ended, as far as it is known.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ended<'a> {
    /// It used so much.
    Used(&'a Used),
    /// It was never made. That it was asked for counts.
    NeverMade,
}

/// What a call took from each meter. Bedrock's quota counts a token of output `burndown` times, and what was read from a
/// prompt cache not at all.
pub(super) fn used(meters: &[Meter], ended: Ended<'_>, burndown: u32) -> Vec<u64> {
    let amount = |meter: &Meter| match (meter.kind, ended) {
        (Kind::Requests, _) => meter.amount,
        (Kind::Concurrency, _) | (_, Ended::NeverMade) => 0,
        (Kind::Tokens, Ended::Used(used)) => quota(&used.tokens, burndown).min(window::MAX_SLIDING),
        (Kind::Money, Ended::Used(used)) => {
            used.cost.as_ref().map_or(meter.amount, |cost| cost.usd.nano_usd().min(window::MAX_AMOUNT))
        }
    };
    meters.iter().map(amount).collect()
}

fn quota(tokens: &TokenUsage, burndown: u32) -> u64 {
    let written = tokens.output.saturating_mul(burndown.into());
    let read = tokens.input.saturating_add(tokens.cache_write_5m).saturating_add(tokens.cache_write_1h);
    read.saturating_add(written)
}

pub(super) fn millis(at: DateTime<Utc>) -> u64 {
    u64::try_from(at.timestamp_millis()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use outcrop_types::{Calendar, Cost, Level, TimeZone};

    use super::*;
    use crate::policies::{Holder, Owner};

    fn limit(what: Limited) -> Limit {
        let (level, owner, holder) = (Level::Team, Owner::Platform, Holder::default());
        Limit { level, owner, policy: None, model: None, holder, what }
    }

    fn budget(period: Period) -> Limit {
        limit(Limited::Money { usd: Money::from_nano_usd(5_000_000_000), period })
    }

    #[test]
    fn budgets_are_held_over_the_time_they_name() {
        let now: DateTime<Utc> = "2026-11-21T20:00:00Z".parse().unwrap();
        let at = |text: &str| millis(text.parse().unwrap());
        let zurich: TimeZone = "Europe/Zurich".parse().unwrap();
        let month = Period::Calendar { calendar: Calendar::Month, time_zone: zurich };
        let (from_ms, until_ms) = (at("2026-10-31T23:00:00Z"), at("2026-11-30T23:00:00Z"));
        let cases = [
            (month, Window::Calendar { from_ms, until_ms }),
            (Period::Rolling { days: 1 }, Window::Rolling { slot_ms: HOUR_MS, slots: 24 }),
            (Period::Rolling { days: 2 }, Window::Rolling { slot_ms: DAY_MS, slots: 2 }),
            (Period::Rolling { days: 31 }, Window::Rolling { slot_ms: DAY_MS, slots: 31 }),
        ];
        for (period, window) in cases {
            assert_eq!(budget(period).window(now), window, "{period:?}");
        }
        assert_eq!(budget(month).name(), "team:platform:month");
    }

    #[test]
    fn a_call_is_settled_at_what_it_used() {
        let now = DateTime::UNIX_EPOCH;
        let limits = [
            limit(Limited::Requests(5)),
            limit(Limited::Tokens(500)),
            limit(Limited::Concurrency(5)),
            budget(Period::Rolling { days: 7 }),
        ];
        let estimate = Estimate { tokens: 100, money: Some(Money::from_nano_usd(70)) };
        let meters: Vec<_> = limits.iter().map(|it| it.meter(it.amount(estimate).unwrap(), now)).collect();
        let amounts: Vec<_> = meters.iter().map(|it| it.amount).collect();
        assert_eq!(amounts, [1, 100, 1, 70]);
        let tokens = TokenUsage {
            input: 10,
            cache_read: 1000,
            cache_write_5m: 2,
            cache_write_1h: 3,
            output: 4,
            ..TokenUsage::default()
        };
        let cost = Cost { usd: Money::from_nano_usd(9), saved_nano_usd: 0, price: String::new() };
        let unpriced = Used { tokens, cost: None };
        let priced = Used { tokens, cost: Some(cost) };
        assert_eq!(used(&meters, Ended::Used(&priced), 1), [1, 19, 0, 9]);
        assert_eq!(used(&meters, Ended::Used(&priced), 5), [1, 35, 0, 9]);
        assert_eq!(used(&meters, Ended::Used(&unpriced), 1), [1, 19, 0, 70], "what was reserved");
        assert_eq!(used(&meters, Ended::NeverMade, 1), [1, 0, 0, 0]);
    }
}
