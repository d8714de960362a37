//! Records as a platform of a hundred teams writes them: ten people in each, three models, two projects.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use outcrop_ports::contract::samples::{key_id, record, team_id, usage_id, user_id};
use outcrop_types::{Cost, Money, Subject, TokenUsage, UsageRecord};

/// So many records of one busy day (at 10 million a month it has a third of a million), newer than the first so many.
pub(crate) fn records(after: u32, count: u32) -> Vec<UsageRecord> {
    (after..after + count).map(one).collect()
}

fn one(number: u32) -> UsageRecord {
    let spread = number.wrapping_mul(2_654_435_761);
    let who = spread % 1_000;
    let share = |bits: u32, of: u32| (spread >> bits) % of;
    let model = ["haiku-4-5", "sonnet-4-5", "nova-pro"][share(10, 3) as usize];
    UsageRecord {
        id: usage_id(number + 1),
        at: begin() + TimeDelta::milliseconds(i64::from(number) * 259),
        subject: Subject::User(user_id(who)),
        key: Some(key_id(who)),
        model_asked: model.to_owned(),
        model_served: format!("us.{model}-v1:0"),
        tags: BTreeMap::from([("project".to_owned(), format!("project {}", share(14, 2)))]),
        tokens: TokenUsage {
            input: u64::from(share(3, 20_000)),
            output: u64::from(share(5, 2_000)),
            ..TokenUsage::default()
        },
        latency_ms: 200 + u64::from(share(7, 30_000)),
        first_token_ms: Some(100 + u64::from(share(9, 3_000))),
        cost: Some(Cost {
            usd: Money::from_nano_usd(u64::from(share(2, 50_000_000))),
            saved_nano_usd: 0,
            price: format!("{model}/us/2026-11-20"),
        }),
        ..record(number + 1, team_id(who % 100))
    }
}

fn begin() -> DateTime<Utc> {
    DateTime::from_timestamp(1_793_491_200, 0).unwrap_or_default()
}
