//! The table `signing_keys`.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use outcrop_ports::{Changed, PortError, SigningKeyStore};
use outcrop_types::{AuditDraft, StoredSigningKey};
use sqlx::FromRow;

use crate::SqliteStore;
use crate::change::one_row;
use crate::rows::{Row, micros};

/// Most keys that are listed.
const MAX_KEYS: i64 = 100;

macro_rules! columns {
    () => {
        "kid, generation, algorithm, public_jwk, sealed, created_at, active_from, revoked_at"
    };
}

#[async_trait]
impl SigningKeyStore for SqliteStore {
    async fn list_signing_keys(&self) -> Result<Vec<StoredSigningKey>, PortError> {
        let query = sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM signing_keys ORDER BY generation DESC LIMIT $1"
        ))
        .bind(MAX_KEYS);
        let rows: Vec<SigningKeyRow> = self.read_all("list signing keys", query).await?;
        rows.into_iter().map(SigningKeyRow::read).collect()
    }

    async fn insert_signing_key(
        &self,
        key: &StoredSigningKey,
        audit: &AuditDraft,
    ) -> Result<Changed, PortError> {
        let query = sqlx::query(concat!(
            "INSERT INTO signing_keys (",
            columns!(),
            ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
        ))
        .bind(&key.kid)
        .bind(i64::from(key.generation))
        .bind(&key.algorithm)
        .bind(&key.public_jwk)
        .bind(&key.sealed)
        .bind(micros(key.created_at))
        .bind(micros(key.active_from))
        .bind(key.revoked_at.map(micros));
        self.change("insert a signing key", audit, async |connection| one_row(connection, query).await).await
    }

    async fn revoke_signing_key(
        &self,
        kid: &str,
        now: DateTime<Utc>,
        audit: &AuditDraft,
    ) -> Result<Changed, PortError> {
        let query =
            sqlx::query("UPDATE signing_keys SET revoked_at = $2 WHERE kid = $1 AND revoked_at IS NULL")
                .bind(kid)
                .bind(micros(now));
        self.change("revoke a signing key", audit, async |connection| one_row(connection, query).await).await
    }

    async fn prune_signing_keys(&self, before: DateTime<Utc>) -> Result<u64, PortError> {
        // One that was lost signs no more, so none stopped signing on its account.
        let query = sqlx::query(
            "DELETE FROM signing_keys WHERE active_from <= $1 AND generation < (
                 SELECT max(generation) FROM signing_keys WHERE active_from <= $1 AND revoked_at IS NULL)",
        )
        .bind(micros(before));
        self.write("remove old signing keys", query).await
    }
}

#[derive(FromRow)]
struct SigningKeyRow {
    kid: String,
    generation: i64,
    algorithm: String,
    public_jwk: String,
    sealed: Vec<u8>,
    created_at: i64,
    active_from: i64,
    revoked_at: Option<i64>,
}

impl SigningKeyRow {
    fn read(self) -> Result<StoredSigningKey, PortError> {
        let row = Row { table: "signing_keys", id: &self.kid };
        Ok(StoredSigningKey {
            generation: row.number("generation", self.generation)?,
            created_at: row.time("created_at", self.created_at)?,
            active_from: row.time("active_from", self.active_from)?,
            revoked_at: row.time_optional("revoked_at", self.revoked_at)?,
            kid: self.kid,
            algorithm: self.algorithm,
            public_jwk: self.public_jwk,
            sealed: self.sealed,
        })
    }
}
