//! `grant_type=refresh_token` (RFC 6749, section 6): the next token of a login.
//!
//! A refresh token is good once (RFC 9700, section 4.14.2). One that comes a second time was stolen, or its owner's
//! next one was: nobody can tell which, so that the login ends.

use outcrop_ports::{PortError, Rotation};
use outcrop_types::{Change, Limits, PresentedKey, Principal, RefreshToken, SecretKind, Session};

use super::{Fields, GrantError, Granted, scope};
use crate::tokens::narrowing;
use crate::{Acting, AuthService};

impl AuthService {
    pub(super) async fn grant_refresh(
        &self,
        acting: &Acting,
        fields: &Fields,
    ) -> Result<Granted, GrantError> {
        let presented = PresentedKey::parse_as(SecretKind::Refresh, fields.need("refresh_token")?)
            .map_err(|_| GrantError::refresh("it is not a well-formed refresh token"))?;
        let found = self.session_of_refresh(&presented).await?;
        let (token, session) = found.ok_or_else(|| {
            GrantError::refresh("there is no such refresh token, or its secret part is wrong")
        })?;
        if token.used_at.is_some() {
            // Before anything else: a thief's request need not be well-formed to be one. Whether this is what ends the
            // login, the store says: of many at once it is one, which alone is told of.
            return Err(self.reused(acting, &token, &session).await?);
        }
        let now = self.ports().clock.now();
        if token.expires_at <= now {
            return Err(GrantError::refresh("it has expired"));
        }
        if !session.is_active(now) {
            return Err(GrantError::refresh("its login has ended"));
        }
        let principal = self.principal_of(fields, &session).await?;
        // Made before the old one is used up: what fails after that would cost the client its login.
        let issued = self.issue_token(&principal, Some(session.id), Some(session.expires_at)).await?;
        let (refresh, next) = self.new_refresh(&session, now);
        match self.rotate(acting, &token, &next, &session).await? {
            Rotation::Done(_) => Ok(Granted { issued, refresh: Some(refresh), principal }),
            Rotation::Reused(session) => Err(self.family_is_over(&session).await),
            Rotation::Refused => Err(GrantError::refresh("it ended while it was used")),
        }
    }

    /// Who the login is of, and what it may now.
    async fn principal_of(&self, fields: &Fields, session: &Session) -> Result<Principal, GrantError> {
        let standing = self.ports().users.lookup_standing(session.subject, session.team).await?;
        let role =
            standing.ok_or_else(|| GrantError::refresh("its user may not act for its team any more"))?;
        let scope = scope::narrowed(fields, role, &session.scope)?;
        Ok(Principal {
            subject: session.subject,
            team: session.team,
            role,
            key: None,
            limits: Limits::default(),
            scope: narrowing(scope),
        })
    }

    /// Ends the login of a token that was used before. What to answer.
    async fn reused(
        &self,
        acting: &Acting,
        token: &RefreshToken,
        session: &Session,
    ) -> Result<GrantError, PortError> {
        let (_, next) = self.new_refresh(session, self.ports().clock.now());
        Ok(match self.rotate(acting, token, &next, session).await? {
            Rotation::Reused(session) => self.family_is_over(&session).await,
            Rotation::Done(_) | Rotation::Refused => {
                GrantError::refresh("it was used before, and its login has ended")
            }
        })
    }

    async fn rotate(
        &self,
        acting: &Acting,
        token: &RefreshToken,
        next: &RefreshToken,
        session: &Session,
    ) -> Result<Rotation, PortError> {
        let whose = Principal {
            subject: session.subject,
            team: session.team,
            // Only who it is goes into the event.
            role: outcrop_types::Role::Viewer,
            key: None,
            limits: Limits::default(),
            scope: None,
        };
        let acting = acting.known_as(whose);
        let reuse = self.event(&acting, "session.refresh_reused", session.id, Some(session.team));
        let now = self.ports().clock.now();
        self.ports().sessions.rotate_refresh(token, next, now, &self.draft(reuse)).await
    }

    async fn family_is_over(&self, session: &Session) -> GrantError {
        tracing::warn!(
            session.id = %session.id,
            user.id = %session.subject,
            team.id = %session.team,
            "a refresh token was used twice; its login is ended"
        );
        self.announce(Change::Session(session.id)).await;
        GrantError::refresh("it was used before; its login is ended now")
    }
}
