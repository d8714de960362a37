//! Logins, and the tokens that prolong them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{KeyHash, KeyId, Scope, SessionId, Subject, TeamId, UserId};

/// How somebody logged in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoginMethod {
    /// Name and password.
    Password,
    /// An outside OIDC issuer.
    Oidc,
}

impl LoginMethod {
    /// The name in the database and the audit log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Oidc => "oidc",
        }
    }

    /// Reads a name back.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Password, Self::Oidc].into_iter().find(|it| it.name() == name)
    }
}

/// A login: of one subject, for one team. It is a family of refresh tokens, or a browser's cookie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Who logged in.
    pub subject: Subject,
    /// The team that is acted for.
    pub team: TeamId,
    /// What the login is good for.
    pub scope: Scope,
    /// How it came about.
    pub method: LoginMethod,
    /// The public part and the hash of the cookie, where there is one.
    pub cookie: Option<(KeyId, KeyHash)>,
    /// When it began.
    pub created_at: DateTime<Utc>,
    /// When it ends by itself, whatever is refreshed.
    pub expires_at: DateTime<Utc>,
    /// When it was ended, if it was.
    pub revoked_at: Option<DateTime<Utc>>,
}

impl Session {
    /// Whether it is good at this time.
    #[must_use]
    pub fn is_active(&self, now: DateTime<Utc>) -> bool {
        self.revoked_at.is_none_or(|at| at > now) && self.expires_at > now
    }
}

/// The record of a refresh token: good once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshToken {
    /// Its public part.
    pub id: KeyId,
    /// What the whole hashes to.
    pub hash: KeyHash,
    /// The login it prolongs.
    pub session: SessionId,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends by itself.
    pub expires_at: DateTime<Utc>,
    /// When it was used, if it was.
    pub used_at: Option<DateTime<Utc>>,
}

/// The record of an invitation to set a password: good once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Its public part.
    pub id: KeyId,
    /// What the whole hashes to.
    pub hash: KeyHash,
    /// Whose password it sets.
    pub user: UserId,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends by itself.
    pub expires_at: DateTime<Utc>,
}

/// A key that signs access tokens, as it is kept. The private part is encrypted.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredSigningKey {
    /// Its name in tokens and in the key set.
    pub kid: String,
    /// The how-manieth it is; two processes that rotate at once make the same, and one of them wins.
    pub generation: u32,
    /// `EdDSA` or `RS256`.
    pub algorithm: String,
    /// The public part, as JSON Web Key.
    pub public_jwk: String,
    /// The private part (PKCS #8), encrypted under the server's secret.
    pub sealed: Vec<u8>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// From when on it signs; it is published before.
    pub active_from: DateTime<Utc>,
    /// When it was declared lost, if it was: from then on nothing that it signed is believed.
    pub revoked_at: Option<DateTime<Utc>>,
}

impl std::fmt::Debug for StoredSigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredSigningKey")
            .field("kid", &self.kid)
            .field("generation", &self.generation)
            .field("algorithm", &self.algorithm)
            .field("active_from", &self.active_from)
            .field("revoked_at", &self.revoked_at)
            .finish_non_exhaustive()
    }
}
