//! Where API keys are kept.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use outcrop_types::{ApiKey, AuditDraft, KeyId, Page, Policy, Subject, TeamId};

use crate::{Changed, PortError};

/// Which keys to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyFilter {
    /// Only those of this team.
    pub team: Option<TeamId>,
    /// Only those of this person or program.
    pub subject: Option<Subject>,
    /// Only those whose name begins so.
    pub name_prefix: Option<String>,
    /// Only those that are good at this time.
    pub active_at: Option<DateTime<Utc>>,
}

/// Records of API keys. Every change writes its audit event in the same transaction: both or none.
#[async_trait]
pub trait KeyStore: Send + Sync + 'static {
    /// Adds a key; `Taken` if its id exists already.
    async fn insert_key(&self, key: &ApiKey, audit: &AuditDraft) -> Result<Changed, PortError>;

    /// The key with this id, revoked or not.
    async fn lookup_key(&self, id: &KeyId) -> Result<Option<ApiKey>, PortError>;

    /// Keys, newest first. `after` is the last id of the page before.
    async fn list_keys(
        &self,
        filter: &KeyFilter,
        after: Option<&KeyId>,
        limit: usize,
    ) -> Result<Page<ApiKey>, PortError>;

    /// Writes what can change of a key (name, limits, scope, tags, expiry, revocation) as it is in `key`, whose
    /// `revision` is the one it was read at; the stored one is one more.
    async fn update_key(&self, key: &ApiKey, audit: &AuditDraft) -> Result<Changed, PortError>;

    /// Adds `next` and writes `old`, which names it in `replaced_by`, as [`update_key`](Self::update_key) does: both
    /// or none. `Stale` if `old` changed since it was read; `Taken` if the id of `next` exists.
    ///
    /// `policies` are those that name `old`, made out to `next`: they come with it, and nobody gets rid of a limit by
    /// rotation.
    async fn replace_key(
        &self,
        old: &ApiKey,
        next: &ApiKey,
        policies: &[Policy],
        audit: &AuditDraft,
    ) -> Result<Changed, PortError>;

    /// Notes when keys were last used. A time earlier than the one noted, and a key that is not there, are
    /// passed over. No audit, no revision.
    async fn touch_keys(&self, used: &[(KeyId, DateTime<Utc>)]) -> Result<(), PortError>;
}
