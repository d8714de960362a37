//! Where the keys that sign access tokens are kept, for all replicas.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use outcrop_types::{AuditDraft, StoredSigningKey};

use crate::{Changed, PortError};

/// Records of signing keys. The private parts come and go encrypted.
#[async_trait]
pub trait SigningKeyStore: Send + Sync + 'static {
    /// All keys, by generation, newest first; at most 100.
    async fn list_signing_keys(&self) -> Result<Vec<StoredSigningKey>, PortError>;

    /// Adds a key; `Taken` if its generation or its `kid` exists: somebody else rotated.
    async fn insert_signing_key(
        &self,
        key: &StoredSigningKey,
        audit: &AuditDraft,
    ) -> Result<Changed, PortError>;

    /// Declares a key lost; the first time stays. `Stale` if there is none, or it was so declared before.
    async fn revoke_signing_key(
        &self,
        kid: &str,
        now: DateTime<Utc>,
        audit: &AuditDraft,
    ) -> Result<Changed, PortError>;

    /// Removes keys that stopped signing before this time: those that are not the newest of all that are active at
    /// `before`. Says how many.
    async fn prune_signing_keys(&self, before: DateTime<Utc>) -> Result<u64, PortError>;
}
