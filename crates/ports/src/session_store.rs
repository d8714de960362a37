//! Where logins and refresh tokens are kept.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use outcrop_types::{AuditDraft, KeyId, RefreshToken, Session, SessionId};

use crate::PortError;

/// What became of an attempt to use a refresh token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rotation {
    /// It is used up, and the next one is kept. The login it belongs to.
    Done(Session),
    /// It had been used before, and its login was still good: that is revoked now, and the audit event written. The
    /// login as it is now.
    Reused(Session),
    /// There is no such token, its hash is another, it has expired, or its login has ended. Nothing was written: also
    /// of a token that had been used before, since a login ends once, however often the token comes again.
    Refused,
}

/// Records of logins.
#[async_trait]
pub trait SessionStore: Send + Sync + 'static {
    /// Keeps a login and, where given, its first refresh token. An id that exists is a conflict. A change of its user
    /// or of the user's password either ends it, or can be read by whoever reads them after this: so that who gave the
    /// login for a password can see whether that still is the one.
    async fn insert_session(
        &self,
        session: &Session,
        refresh: Option<&RefreshToken>,
    ) -> Result<(), PortError>;

    /// The login with this id, ended or not.
    async fn lookup_session(&self, id: SessionId) -> Result<Option<Session>, PortError>;

    /// The login whose cookie has this id, ended or not.
    async fn lookup_session_by_cookie(&self, cookie: &KeyId) -> Result<Option<Session>, PortError>;

    /// The refresh token with this id, used or not, and its login.
    async fn lookup_refresh(&self, id: &KeyId) -> Result<Option<(RefreshToken, Session)>, PortError>;

    /// Uses up the refresh token `used` (as it was looked up) at `now`, and keeps `next` in its place. Of several
    /// that try at once, one is `Done`, the next is `Reused` and all others are `Refused`. `reuse` is written only
    /// where it is `Reused`.
    async fn rotate_refresh(
        &self,
        used: &RefreshToken,
        next: &RefreshToken,
        now: DateTime<Utc>,
        reuse: &AuditDraft,
    ) -> Result<Rotation, PortError>;

    /// Ends a login; `false` if there is none that was still good. Doing so again changes nothing.
    async fn revoke_session(&self, id: SessionId, now: DateTime<Utc>) -> Result<bool, PortError>;

    /// Removes logins that ended and refresh tokens that expired before `before`, a bounded number at a time; says how
    /// many of either kind went, so that none are left where it says 0. A token that goes with its login is not
    /// counted. What somebody works on may be left for the next time.
    async fn prune_sessions(&self, before: DateTime<Utc>) -> Result<u64, PortError>;
}
