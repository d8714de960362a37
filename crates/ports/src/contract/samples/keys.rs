//! API keys and scopes.

use std::collections::BTreeMap;

use outcrop_types::{ApiKey, KeyHash, Limits, Permission, Role, Scope, Subject, TeamId};

use super::{at, key_id, service_account_id, user_id};

/// A developer's key of a team, made at second `number`, with nothing optional set. Its owner is the person of
/// the same number.
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
        scope: Scope::default(),
        tags: BTreeMap::new(),
        created_at: at(number.into()),
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
        replaced_by: None,
        revision: 0,
    }
}

/// A program's key with everything set.
#[must_use]
pub fn full_key(number: u32, team: TeamId) -> ApiKey {
    ApiKey {
        name: "Ünïcode, 'quotes' and \"more\"".to_owned(),
        subject: Subject::ServiceAccount(service_account_id(number)),
        role: Role::Service,
        limits: Limits { requests_per_minute: Some(u32::MAX) },
        scope: narrow_scope(),
        tags: tags(),
        expires_at: Some(at(1_000_000)),
        revoked_at: Some(at(2_000_000)),
        last_used_at: Some(at(500_000)),
        replaced_by: Some(key_id(number + 1)),
        revision: 7,
        ..key(number, team)
    }
}

/// A scope that narrows everything.
#[must_use]
pub fn narrow_scope() -> Scope {
    Scope {
        permissions: Some(vec![Permission::InvokeModel, Permission::UseMcp]),
        routes: vec!["/v1/chat/*".parse().unwrap(), "/v1/models".parse().unwrap()],
        models: vec!["claude-*".parse().unwrap()],
        networks: vec!["192.0.2.0/24".parse().unwrap(), "2001:db8::/32".parse().unwrap()],
    }
}

/// Tags that a careless store would spoil.
#[must_use]
pub fn tags() -> BTreeMap<String, String> {
    [("stage", "prod"), ("Ünïcode", "'quotes' and \"more\""), ("empty", "")]
        .map(|(word, value)| (word.to_owned(), value.to_owned()))
        .into()
}
