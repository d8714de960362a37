//! Logins: beginning one, using it and ending it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use outcrop_ports::{Authenticated, PortError, Refused};
use outcrop_types::{
    Change, KeyHash, KeyId, LoginMethod, PresentedKey, Principal, RefreshToken, Scope, SecretKind, Session,
    SessionId, Subject, TeamId,
};

use crate::AuthService;
use crate::signing::in_chrono;
use crate::tokens::narrowing;

/// How long a browser stays logged in at most: a working day and no more.
const BROWSER_TTL: Duration = Duration::from_secs(12 * 60 * 60);

/// Somebody who has shown who it is.
#[derive(Debug, Clone)]
pub(crate) struct NewLogin {
    /// Who.
    pub(crate) subject: Subject,
    /// For which team.
    pub(crate) team: TeamId,
    /// What the login shall be good for.
    pub(crate) scope: Scope,
    /// How it was shown.
    pub(crate) method: LoginMethod,
}

impl AuthService {
    /// Begins a login that lives by refresh tokens; the first of them.
    pub(crate) async fn begin_token_session(
        &self,
        login: NewLogin,
    ) -> Result<(Session, PresentedKey), PortError> {
        let session = self.new_session(login, self.options().session_ttl, None);
        let (presented, refresh) = self.new_refresh(&session, session.created_at);
        self.ports().sessions.insert_session(&session, Some(&refresh)).await?;
        tell(&session);
        Ok((session, presented))
    }

    /// Begins a login that lives by a browser's cookie; the cookie.
    pub(crate) async fn begin_browser_session(
        &self,
        login: NewLogin,
    ) -> Result<(Session, PresentedKey), PortError> {
        let cookie = self.new_secret(SecretKind::Session);
        let kept = (cookie.id().clone(), self.hasher().hash(&cookie));
        let ttl = self.options().session_ttl.min(BROWSER_TTL);
        let session = self.new_session(login, ttl, Some(kept));
        self.ports().sessions.insert_session(&session, None).await?;
        tell(&session);
        Ok((session, cookie))
    }

    /// The next refresh token of a login, and its record.
    pub(crate) fn new_refresh(&self, session: &Session, now: DateTime<Utc>) -> (PresentedKey, RefreshToken) {
        let presented = self.new_secret(SecretKind::Refresh);
        let ends = now + in_chrono(self.options().refresh_token_ttl);
        let record = RefreshToken {
            id: presented.id().clone(),
            hash: self.hasher().hash(&presented),
            session: session.id,
            created_at: now,
            // However often it is refreshed, the login has a hard end.
            expires_at: ends.min(session.expires_at),
            used_at: None,
        };
        (presented, record)
    }

    /// Who shows the cookie of a browser that is logged in. What it may is what its user may now.
    pub(crate) async fn authenticate_session(&self, cookie: &PresentedKey) -> Result<Authenticated, Refused> {
        let session = self.session_of_cookie(cookie).await.map_err(|source| Refused::Unknown { source })?;
        let session = session.ok_or_else(|| Refused::invalid("the cookie is not of any login"))?;
        if !session.is_active(self.ports().clock.now()) {
            return Err(Refused::invalid("the cookie's login has ended"));
        }
        let principal = Principal {
            subject: session.subject,
            team: session.team,
            role: self.standing(session.subject, session.team).await?,
            key: None,
            limits: outcrop_types::Limits::default(),
            scope: narrowing(session.scope),
        };
        Ok(Authenticated { principal, expires_at: Some(session.expires_at), session: Some(session.id) })
    }

    /// The login that this cookie is of, if it has not ended.
    pub(crate) async fn live_session_of(&self, cookie: &PresentedKey) -> Result<Option<Session>, PortError> {
        let session = self.session_of_cookie(cookie).await?;
        Ok(session.filter(|session| session.is_active(self.ports().clock.now())))
    }

    /// The login that this cookie is of, ended or not.
    async fn session_of_cookie(&self, cookie: &PresentedKey) -> Result<Option<Session>, PortError> {
        let found = self.ports().sessions.lookup_session_by_cookie(cookie.id()).await;
        // Hashed before the answer is looked at: an unknown id costs as much time as a wrong secret.
        let hash = self.hasher().hash(cookie);
        let session = found?;
        let fits = session.as_ref().and_then(|it| it.cookie.as_ref()).is_some_and(|(_, kept)| *kept == hash);
        Ok(session.filter(|_| fits))
    }

    /// The login that this refresh token is of, and the token's record, used or not.
    pub(crate) async fn session_of_refresh(
        &self,
        presented: &PresentedKey,
    ) -> Result<Option<(RefreshToken, Session)>, PortError> {
        let found = self.ports().sessions.lookup_refresh(presented.id()).await;
        let hash = self.hasher().hash(presented);
        Ok(found?.filter(|(token, _)| token.hash == hash))
    }

    /// Ends a login everywhere. One that has ended stays so.
    pub(crate) async fn end_session(&self, id: SessionId) -> Result<(), PortError> {
        if self.ports().sessions.revoke_session(id, self.ports().clock.now()).await? {
            tracing::info!(session.id = %id, "logged out");
        }
        // Told even if it had ended before: whoever did that may not have come to telling.
        self.announce(Change::Session(id)).await;
        Ok(())
    }

    fn new_session(&self, login: NewLogin, ttl: Duration, cookie: Option<(KeyId, KeyHash)>) -> Session {
        let now = self.ports().clock.now();
        Session {
            id: SessionId::new(self.ports().ids.uuid()),
            subject: login.subject,
            team: login.team,
            scope: login.scope,
            method: login.method,
            cookie,
            created_at: now,
            expires_at: now + in_chrono(ttl),
            revoked_at: None,
        }
    }
}

fn tell(session: &Session) {
    tracing::info!(
        session.id = %session.id,
        user.id = %session.subject,
        team.id = %session.team,
        login.method = session.method.name(),
        "logged in"
    );
}
