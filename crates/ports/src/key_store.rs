//! Where API keys are kept.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use outcrop_types::{ApiKey, KeyId, Page, TeamId};

use crate::PortError;

/// Records of API keys.
#[async_trait]
pub trait KeyStore: Send + Sync + 'static {
    /// Adds a key. One that exists already is a conflict.
    async fn insert_key(&self, key: &ApiKey) -> Result<(), PortError>;

    /// The key with this id, revoked or not.
    async fn lookup_key(&self, id: &KeyId) -> Result<Option<ApiKey>, PortError>;

    /// Keys, newest first: of one team, or of all. `after` is the last id of the page before.
    async fn list_keys(
        &self,
        team: Option<TeamId>,
        after: Option<&KeyId>,
        limit: usize,
    ) -> Result<Page<ApiKey>, PortError>;

    /// Revokes a key at `now`; the first revocation's time stays. `None` if there is no such key.
    async fn revoke_key(&self, id: &KeyId, now: DateTime<Utc>) -> Result<Option<ApiKey>, PortError>;
}
