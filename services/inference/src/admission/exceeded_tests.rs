//! What a client reads of a limit without room.

use std::time::Duration;

use outcrop_ports::MeterState;
use outcrop_types::{Calendar, Level, Money, Period, TimeZone};

use super::exceeded::Exceeded;
use crate::policies::{Holder, Limit, Limited, Owner};

fn exceeded(what: Limited, (limit, settled, held): (u64, u64, u64), wanted: u64, calls: u32) -> Exceeded {
    let model = matches!(what, Limited::Tokens(_)).then(|| "claude-*".parse().unwrap());
    Exceeded {
        limit: Limit {
            level: Level::Team,
            owner: Owner::Platform,
            policy: None,
            model,
            holder: Holder::default(),
            what,
        },
        state: MeterState { limit, settled, held, reset_after: Duration::from_secs(60) },
        wanted,
        calls,
        room_after: (wanted <= limit).then_some(Duration::from_millis(11_001)),
        now: "2026-11-21T20:00:00.5Z".parse().unwrap(),
        is_local: false,
        standings: Vec::new(),
    }
}

#[test]
fn each_kind_is_told_in_good_english() {
    const DOLLAR: u64 = 1_000_000_000;
    let zurich: TimeZone = "Europe/Zurich".parse().unwrap();
    let usd = Money::from_nano_usd(50 * DOLLAR);
    let month =
        Limited::Money { usd, period: Period::Calendar { calendar: Calendar::Month, time_zone: zurich } };
    let week = Limited::Money { usd, period: Period::Rolling { days: 7 } };
    let budget = |settled: u64, held: u64| (50 * DOLLAR, settled, held);
    // what, limit and what of it is used and held, wanted, calls -> text, whether to come back soon
    let cases = [
        (
            Limited::Requests(5),
            (5, 5, 0),
            1,
            1,
            "Rate limit reached: 5 requests per minute for this team. Try again in 12 s.",
            true,
        ),
        (
            Limited::Requests(5),
            (5, 3, 0),
            3,
            3,
            "Rate limit reached: 5 requests per minute for this team, and this one counts as 3. Try again in 12 s.",
            true,
        ),
        (
            Limited::Requests(5),
            (5, 0, 0),
            6,
            6,
            "This request counts as 6, more than the limit of 5 requests per minute for this team.",
            false,
        ),
        (
            Limited::Tokens(900),
            (900, 0, 500),
            500,
            1,
            "Rate limit reached: 900 tokens per minute for this team on models `claude-*`, and this request counts as 500. Try again in 12 s.",
            true,
        ),
        (
            Limited::Concurrency(2),
            (2, 0, 2),
            1,
            1,
            "Limit reached: 2 requests at the same time for this team. Try again when one has ended.",
            true,
        ),
        (
            Limited::Concurrency(0),
            (0, 0, 0),
            1,
            1,
            "This request makes 1 call at once, more than the limit of 0 requests at the same time for this team.",
            false,
        ),
        (
            month,
            budget(50 * DOLLAR, 0),
            DOLLAR,
            1,
            "The budget of 50 USD per month of this team is spent; it begins anew on 2026-12-01T00:00:00+01:00.",
            false,
        ),
        (
            month,
            budget(49 * DOLLAR + DOLLAR / 2, 0),
            DOLLAR,
            1,
            "The budget of 50 USD per month of this team has 0.5 USD left, and this request may cost 1 USD; it begins anew on 2026-12-01T00:00:00+01:00.",
            false,
        ),
        (
            week,
            budget(50 * DOLLAR, 0),
            DOLLAR,
            1,
            "The budget of 50 USD in 7 days of this team is spent; there is room again on 2026-11-21T20:00:12Z.",
            false,
        ),
        (
            month,
            budget(40 * DOLLAR, 10 * DOLLAR),
            DOLLAR,
            1,
            "What is left of the budget of 50 USD per month of this team is held by calls that are under way; try again in a moment.",
            true,
        ),
        (
            month,
            budget(0, 0),
            60 * DOLLAR,
            1,
            "This request may cost 60 USD, more than the whole budget of 50 USD per month of this team.",
            false,
        ),
    ];
    for (what, state, wanted, calls, text, soon) in cases {
        let exceeded = exceeded(what, state, wanted, calls);
        assert_eq!(exceeded.to_string(), text);
        assert_eq!(exceeded.is_final(), !soon, "{text}");
        assert_eq!(exceeded.retry_after().is_none(), exceeded.never_fits(), "{text}");
        let of_calendar = matches!(what, Limited::Money { period: Period::Calendar { .. }, .. });
        assert!(!exceeded.never_fits() || of_calendar || exceeded.reset().is_none(), "{text}");
    }
}
