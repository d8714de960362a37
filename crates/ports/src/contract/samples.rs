//! Made-up teams, keys, jobs and records for the suites, and for anybody else's tests.
//!
//! Everything follows from its number: the same number is the same thing, a greater one is newer. Times are
//! whole microseconds, which is as fine as every store keeps them.
#![expect(clippy::unwrap_used, reason = "samples are for tests, and these values are well-formed")]

use chrono::{DateTime, TimeDelta, Utc};
use outcrop_types::{
    ApiKey, IdempotencyKey, Job, JobId, JobKind, JobState, KeyHash, KeyId, Limits, Outcome, PresentedKey,
    Principal, RequestId, Role, ServiceAccountId, Subject, Team, TeamId, TokenUsage, UsageId, UsageRecord,
    User, UserId,
};
use uuid::Uuid;

use crate::Bootstrap;

/// A moment of 2026, so many seconds after its first.
#[must_use]
pub fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_225_600, 123_456_000).unwrap() + TimeDelta::seconds(seconds)
}

/// A team's id.
#[must_use]
pub fn team_id(number: u32) -> TeamId {
    TeamId::new(Uuid::from_u128(number.into()))
}

/// A person's id.
#[must_use]
pub fn user_id(number: u32) -> UserId {
    UserId::new(Uuid::from_u128(number.into()))
}

/// A key's id. Unlike the others it does not sort by age, as real ones do not.
#[must_use]
pub fn key_id(number: u32) -> KeyId {
    let mut entropy = [0; 16];
    for (place, byte) in entropy.iter_mut().enumerate() {
        *byte = (number.wrapping_mul(2_654_435_761).rotate_left(place as u32 * 5) % 32) as u8;
    }
    PresentedKey::generate(entropy, [0; 86]).id().clone()
}

/// A job's id.
#[must_use]
pub fn job_id(number: u32) -> JobId {
    JobId::new(Uuid::from_u128(number.into()))
}

/// A usage record's id.
#[must_use]
pub fn usage_id(number: u32) -> UsageId {
    UsageId::new(Uuid::from_u128(number.into()))
}

/// A developer's key of a team, made at second `number`, with nothing optional set.
#[must_use]
pub fn key(number: u32, team: TeamId) -> ApiKey {
    ApiKey {
        id: key_id(number),
        hash: KeyHash::from_bytes([(number % 251) as u8; 32]),
        name: format!("key {number}"),
        team,
        subject: Subject::User(user_id(number)),
        role: Role::Developer,
        limits: Limits::default(),
        created_at: at(number.into()),
        expires_at: None,
        revoked_at: None,
    }
}

/// A program's key with everything set.
#[must_use]
pub fn full_key(number: u32, team: TeamId) -> ApiKey {
    ApiKey {
        name: "Ünïcode, 'quotes' and \"more\"".to_owned(),
        subject: Subject::ServiceAccount(ServiceAccountId::new(Uuid::from_u128(number.into()))),
        role: Role::Service,
        limits: Limits { requests_per_minute: Some(u32::MAX) },
        expires_at: Some(at(1_000_000)),
        revoked_at: Some(at(2_000_000)),
        ..key(number, team)
    }
}

/// The first team, its admin and that person's key.
#[must_use]
pub fn first(number: u32) -> Bootstrap {
    let created_at = at(number.into());
    Bootstrap {
        team: Team { id: team_id(number), name: format!("team {number}"), created_at },
        admin: User { id: user_id(number), name: format!("user {number}"), created_at },
        key: ApiKey { role: Role::PlatformAdmin, ..key(number, team_id(number)) },
    }
}

/// A queued job of a team, submitted at second `number`, with nothing optional set.
#[must_use]
pub fn job(number: u32, team: TeamId) -> Job {
    Job {
        id: job_id(number),
        kind: JobKind::Inference,
        principal: Principal {
            subject: Subject::User(user_id(number)),
            team,
            role: Role::Developer,
            key: None,
            limits: Limits::default(),
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
        created_at: at(number.into()),
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
        tokens: TokenUsage {
            input: 11,
            cache_read: 12,
            cache_write_5m: 13,
            cache_write_1h: 14,
            output: 15,
            reasoning: 6,
        },
        estimated: false,
        streamed: true,
        latency_ms: 1234,
        first_token_ms: Some(56),
        stop_reason: Some("end_turn".to_owned()),
        outcome: Outcome::Completed,
        error: None,
    }
}

/// A failed call of a program, with everything unset that can be and the error set.
#[must_use]
pub fn failed_record(number: u32, team: TeamId) -> UsageRecord {
    UsageRecord {
        subject: Subject::ServiceAccount(ServiceAccountId::new(Uuid::from_u128(number.into()))),
        key: None,
        tokens: TokenUsage::default(),
        estimated: true,
        streamed: false,
        first_token_ms: None,
        stop_reason: None,
        outcome: Outcome::Failed,
        error: Some("rate_limited".to_owned()),
        ..record(number, team)
    }
}
