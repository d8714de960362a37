//! Jobs and what they and other calls used.

use std::collections::BTreeMap;
use std::sync::Arc;

use outcrop_types::{
    CacheState, Cost, GuardrailState, IdempotencyKey, Job, JobKind, JobState, Limits, Money, Outcome,
    PriceTier, Principal, Priority, RequestId, Role, StoredResponse, Subject, TeamId, TokenUsage,
    UsageRecord, Used,
};
use serde_json::json;

use super::{at, job_id, key_id, narrow_scope, response_id, service_account_id, usage_id, user_id};

/// A queued job of a team, submitted at second `number`, with nothing optional set.
#[must_use]
pub fn job(number: u32, team: TeamId) -> Job {
    Job {
        id: job_id(number),
        kind: JobKind::Call,
        parent: None,
        principal: Principal {
            subject: Subject::User(user_id(number)),
            team,
            role: Role::Developer,
            key: None,
            limits: Limits::default(),
            scope: None,
        },
        path: "/v1/chat/completions".to_owned(),
        input: format!("jobs/{number}/input"),
        idempotency_key: None,
        fingerprint: format!("fingerprint {number}"),
        state: JobState::Queued,
        attempts: 0,
        status: None,
        output: None,
        error: None,
        dead: false,
        priority: Priority::Normal,
        deadline: None,
        metadata: BTreeMap::new(),
        response: None,
        trace: None,
        choice: None,
        used: Used::default(),
        created_at: at(number.into()),
        started_at: None,
        ended_at: None,
        updated_at: at(number.into()),
    }
}

/// The same under an idempotency key, with everything else set that a queued job can have.
#[must_use]
pub fn keyed_job(number: u32, team: TeamId, idempotency_key: &str) -> Job {
    let plain = job(number, team);
    Job {
        idempotency_key: Some(idempotency_key.parse::<IdempotencyKey>().unwrap()),
        principal: Principal {
            key: Some(key_id(number)),
            limits: Limits { requests_per_minute: Some(60) },
            scope: Some(Arc::new(narrow_scope())),
            ..plain.principal
        },
        ..plain
    }
}

/// A completed, streamed call of a team at second `number`, with everything set but the error.
#[must_use]
pub fn record(number: u32, team: TeamId) -> UsageRecord {
    UsageRecord {
        id: usage_id(number),
        request_id: RequestId::parse(&format!("request-{number}")).unwrap(),
        at: at(number.into()),
        team,
        subject: Subject::User(user_id(number)),
        key: Some(key_id(number)),
        dialect: "openai".to_owned(),
        operation: "chat".to_owned(),
        model_asked: "claude-haiku-4-5".to_owned(),
        model_served: "us.anthropic.claude-haiku-4-5-20251001-v1:0".to_owned(),
        region: "us-east-1".to_owned(),
        tier: PriceTier::Flex,
        tags: [("project", "atlas"), ("env", "test")].map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
        cache: CacheState::Miss,
        cache_age_ms: None,
        cache_saved: None,
        attempt: 3,
        again: false,
        account: Some("batch".parse().unwrap()),
        guardrail: GuardrailState::Observed,
        tokens: TokenUsage {
            input: 11,
            cache_read: 12,
            cache_write_5m: 13,
            cache_write_1h: 14,
            output: 15,
            reasoning: 6,
            images: 7,
            queries: 8,
            guardrail_units: 9,
        },
        estimated: false,
        streamed: true,
        latency_ms: 1234,
        first_token_ms: Some(56),
        stop_reason: Some("end_turn".to_owned()),
        outcome: Outcome::Completed,
        error: None,
        cost: Some(Cost {
            usd: Money::from_nano_usd(1_234_567),
            saved_nano_usd: -17,
            price: "row".to_owned(),
        }),
    }
}

/// A failed call of a program, with everything unset that can be and the error set.
#[must_use]
pub fn failed_record(number: u32, team: TeamId) -> UsageRecord {
    UsageRecord {
        subject: Subject::ServiceAccount(service_account_id(number)),
        key: None,
        tokens: TokenUsage::default(),
        estimated: true,
        streamed: false,
        first_token_ms: None,
        stop_reason: None,
        outcome: Outcome::Failed,
        error: Some("rate_limited".to_owned()),
        tier: PriceTier::Standard,
        tags: BTreeMap::new(),
        cache: CacheState::Bypass,
        attempt: 1,
        account: None,
        guardrail: GuardrailState::None,
        cost: None,
        ..record(number, team)
    }
}

/// An answer of a team, made at second `number` and kept for a hundred seconds.
#[must_use]
pub fn response(number: u32, team: TeamId) -> StoredResponse {
    StoredResponse {
        id: response_id(number),
        team,
        created_at: at(number.into()),
        expires_at: at(i64::from(number) + 100),
        response: json!({ "object": "response", "output": [{ "text": format!("answer {number} \0 \u{1f980}") }] }),
        input: json!([{ "role": "user", "content": "a \"question\"\n" }]),
    }
}
