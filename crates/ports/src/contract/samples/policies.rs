//! Policies.

use outcrop_types::{
    Budget, CacheRule, Calendar, GuardrailMode, GuardrailRule, GuardrailStream, MAX_BUDGET, Money, Pattern,
    Period, Policy, Rules, Subject, Target, TimeZone,
};

use super::{at, policy_id, team_id, user_id};

/// A policy of 60 model calls a minute, made at second `number`, for the team of the same number.
#[must_use]
pub fn policy(number: u32) -> Policy {
    Policy {
        id: policy_id(number),
        target: Target::Team { team: Some(team_id(number)) },
        model: None,
        rules: Rules { requests_per_minute: Some(60), ..Rules::default() },
        created_at: at(number.into()),
        updated_at: at(number.into()),
        revision: 0,
    }
}

/// A policy with everything set, for a person of the same number.
#[must_use]
pub fn full_policy(number: u32) -> Policy {
    let patterns = |texts: &[&str]| texts.iter().map(|text| text.parse::<Pattern>().unwrap()).collect();
    let zurich: TimeZone = "Europe/Zurich".parse().unwrap();
    let month = Period::Calendar { calendar: Calendar::Month, time_zone: zurich };
    let week = Period::Calendar { calendar: Calendar::Week, time_zone: TimeZone::UTC };
    Policy {
        target: Target::User { user: Some(Subject::User(user_id(number))), team: Some(team_id(number)) },
        model: Some("*nova-'\"*".parse().unwrap()),
        rules: Rules {
            residency: vec!["eu".parse().unwrap(), "us-gov-west-1".parse().unwrap()].try_into().unwrap(),
            guardrails: vec![GuardrailRule {
                id: "gr0abc".to_owned(),
                version: "DRAFT".to_owned(),
                input: true,
                output: false,
                mode: GuardrailMode::Monitor,
                stream: GuardrailStream::Async,
            }],
            cache: Some(CacheRule { enabled: false, ttl_s: Some(60), tools: true, request_control: false }),
            requests_per_minute: Some(0),
            tokens_per_minute: Some(u32::MAX),
            concurrent_requests: Some(7),
            budgets: vec![
                Budget { usd: MAX_BUDGET, period: month, alert_at: vec![50, 80, 100] },
                Budget { usd: Money::from_nano_usd(1), period: week, alert_at: Vec::new() },
                Budget { usd: MAX_BUDGET, period: Period::Rolling { days: 31 }, alert_at: vec![1] },
            ],
            max_output_tokens: Some(4_096),
            default_output_tokens: Some(1_024),
            models: patterns(&["claude-*", "amazon.nova-lite-v1:0"]),
            allow_unpriced: patterns(&["*"]),
            ways: Some(vec![outcrop_types::Way::OnDemand, outcrop_types::Way::Flex]),
        },
        updated_at: at(i64::from(number) + 50),
        revision: 7,
        ..policy(number)
    }
}
