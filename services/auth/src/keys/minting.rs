//! A new key and its record.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use outcrop_types::{ApiKey, Limits, PresentedKey, Role, Scope, SecretKind, Subject, TeamId};

use crate::AuthService;

/// Everything that is decided about a key before it is made.
#[derive(Debug, Clone)]
pub(crate) struct KeyTerms {
    pub(crate) name: String,
    pub(crate) team: TeamId,
    pub(crate) subject: Subject,
    pub(crate) role: Role,
    pub(crate) limits: Limits,
    pub(crate) scope: Scope,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) expires_at: Option<DateTime<Utc>>,
}

impl KeyTerms {
    /// All that the role allows, without end and without a name.
    pub(crate) fn whole(team: TeamId, subject: Subject, role: Role) -> Self {
        Self {
            name: String::new(),
            team,
            subject,
            role,
            limits: Limits::default(),
            scope: Scope::default(),
            tags: BTreeMap::new(),
            expires_at: None,
        }
    }
}

impl AuthService {
    /// A key and its record, not yet stored.
    pub(crate) fn mint(&self, terms: KeyTerms) -> (PresentedKey, ApiKey) {
        let presented = self.new_secret(SecretKind::ApiKey);
        let key = ApiKey {
            id: presented.id().clone(),
            hash: self.hasher().hash(&presented),
            name: terms.name,
            team: terms.team,
            subject: terms.subject,
            role: terms.role,
            limits: terms.limits,
            scope: terms.scope,
            tags: terms.tags,
            created_at: self.ports().clock.now(),
            expires_at: terms.expires_at,
            revoked_at: None,
            last_used_at: None,
            replaced_by: None,
            revision: 0,
        };
        (presented, key)
    }
}
