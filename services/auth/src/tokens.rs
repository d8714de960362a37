//! Access tokens: making ours, and asking whose one is that somebody shows.

use chrono::{DateTime, Utc};
use outcrop_ports::{Authenticated, PortError, Refused};
use outcrop_token::{AccessClaims, AccessVerifier, TokenError, peek, sign};
use outcrop_types::{ApiKey, Classify, ErrorCode, KeyId, Principal, Scope, Session, SessionId};
use secrecy::{ExposeSecret, SecretString};

use crate::AuthService;
use crate::grants::scope;
use crate::signing::{SigningError, in_chrono};

/// A token that was just made. Its text is a secret.
pub(crate) struct IssuedToken {
    /// The token.
    pub(crate) token: SecretString,
    /// How long it is good, whole seconds.
    pub(crate) expires_in_s: u64,
}

/// Why no token was made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IssueError {
    /// The keys cannot be had.
    #[error("could not sign an access token")]
    Keys {
        /// Why.
        #[source]
        source: SigningError,
    },
    /// It says more than a token holds, or could not be signed.
    #[error("{source}")]
    Token {
        /// Why.
        source: TokenError,
    },
}

impl Classify for IssueError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Keys { source } => source.code(),
            Self::Token { source } => source.code(),
        }
    }
}

impl AuthService {
    /// Makes a token that says who this is. It ends with what it came of (`not_after`) if that is sooner than tokens
    /// end anyway; what it says holds only as long as its session, its key and its subject's standing do.
    pub(crate) async fn issue_token(
        &self,
        principal: &Principal,
        session: Option<SessionId>,
        not_after: Option<DateTime<Utc>>,
    ) -> Result<IssuedToken, IssueError> {
        let ring = self.key_ring().await.map_err(|source| IssueError::Keys { source })?;
        let now = self.ports().clock.now();
        let signer = ring.signer(now).ok_or(IssueError::Keys { source: SigningError::None })?;
        let ends = now + in_chrono(self.options().access_token_ttl);
        let expires_at = not_after.map_or(ends, |at| at.min(ends));
        // What others read in the token is what is in force, as the answer says it beside the token.
        let granted = scope::permissions(principal.role, principal.scope());
        let mut narrowed = principal.scope.as_deref().cloned();
        if let Some(list) = narrowed.as_mut().and_then(|it| it.permissions.as_mut()) {
            list.clone_from(&granted);
        }
        let claims = AccessClaims {
            issuer: self.issuer().to_owned(),
            audience: self.options().audience.clone(),
            subject: principal.subject,
            team: principal.team,
            role: principal.role,
            scope: narrowed,
            granted,
            limits: principal.limits,
            key: principal.key.clone(),
            session,
            id: self.ports().ids.uuid(),
            issued_at: now,
            expires_at,
        };
        let token = sign(&signer, &claims).map_err(|source| IssueError::Token { source })?;
        let left = expires_at.timestamp().saturating_sub(now.timestamp());
        Ok(IssuedToken { token: token.into(), expires_in_s: u64::try_from(left).unwrap_or(0) })
    }

    /// Who issues our tokens: our address.
    pub(crate) fn issuer(&self) -> &str {
        &self.options().public_url
    }

    /// Who shows this token: one of ours, or of an outside issuer.
    pub(crate) async fn authenticate_token(&self, token: &SecretString) -> Result<Authenticated, Refused> {
        let peeked = peek(token.expose_secret()).map_err(|error| refuse(&error))?;
        if peeked.issuer.as_deref() == Some(self.issuer()) {
            return self.authenticate_own(token.expose_secret()).await;
        }
        self.authenticate_outside(&peeked, token).await
    }

    async fn authenticate_own(&self, token: &str) -> Result<Authenticated, Refused> {
        let claims = self.verify_own(token).await?;
        let mut principal = claims.principal();
        // Whoever caches the answer takes the token as long as we do, and never longer than its session, or its key,
        // which may have been given an earlier end since.
        let mut expires_at = claims.expires_at + AccessVerifier::LEEWAY;
        if let Some(session) = claims.session {
            expires_at = expires_at.min(self.check_token_session(session, &claims).await?.expires_at);
        }
        if let Some(key) = &claims.key {
            let key = self.narrow_to_key(&mut principal, key).await?;
            expires_at = key.expires_at.map_or(expires_at, |ends| expires_at.min(ends));
        }
        let principal = self.with_standing(principal).await?;
        Ok(Authenticated { principal, expires_at: Some(expires_at), session: claims.session })
    }

    /// What a token of ours says, if it is one.
    pub(crate) async fn verify_own(&self, token: &str) -> Result<AccessClaims, Refused> {
        let verifier = AccessVerifier::new(self.issuer(), self.options().audience.as_str());
        let ring = self.key_ring().await.map_err(cannot_tell)?;
        let now = self.ports().clock.now();
        match verifier.verify(token, &ring.believed(now), now) {
            Err(TokenError::UnknownKey) => {}
            other => return other.map_err(|error| refuse(&error)),
        }
        // Another replica may have made the key since.
        match self.key_ring_for_unknown().await.map_err(cannot_tell)? {
            Some(ring) => verifier.verify(token, &ring.believed(now), now).map_err(|error| refuse(&error)),
            None => Err(refuse(&TokenError::UnknownKey)),
        }
    }

    async fn check_token_session(&self, id: SessionId, claims: &AccessClaims) -> Result<Session, Refused> {
        let session = self.ports().sessions.lookup_session(id).await;
        let session = session
            .map_err(|source| Refused::Unknown { source })?
            .ok_or_else(|| Refused::invalid("the token's login is not there any more"))?;
        if !session.is_active(self.ports().clock.now()) {
            return Err(Refused::invalid("the token's login has ended"));
        }
        if (session.subject, session.team) != (claims.subject, claims.team) {
            return Err(Refused::invalid("the token's login is somebody else's"));
        }
        Ok(session)
    }

    /// A token that came of a key is never good for more than the key is now; the key.
    async fn narrow_to_key(&self, principal: &mut Principal, id: &KeyId) -> Result<ApiKey, Refused> {
        let now = self.ports().clock.now();
        let key = self.ports().keys.lookup_key(id).await;
        let key = key
            .map_err(|source| Refused::Unknown { source })?
            .ok_or_else(|| Refused::invalid("the token's key is not there any more"))?;
        if !key.is_active(now) {
            return Err(Refused::invalid("the token's key has been revoked or has expired"));
        }
        if (key.subject, key.team) != (principal.subject, principal.team) {
            return Err(Refused::invalid("the token's key is somebody else's"));
        }
        let scope = principal.scope().clone().within(&key.scope).map_err(|list| {
            Refused::invalid(format!("the token's key has been narrowed since: `{list}` of its scope"))
        })?;
        principal.scope = narrowing(scope);
        principal.limits = key.limits;
        self.last_used().note(id, now);
        Ok(key)
    }
}

/// A scope as principals have it: none where nothing is narrowed.
pub(crate) fn narrowing(scope: Scope) -> Option<std::sync::Arc<Scope>> {
    (!scope.is_empty()).then(|| scope.into())
}

fn refuse(error: &TokenError) -> Refused {
    Refused::invalid(error.to_string())
}

/// Without its keys nobody can tell a good token from a bad one.
fn cannot_tell(error: SigningError) -> Refused {
    let source = match error {
        SigningError::Store { source } => source,
        other => PortError::unavailable("have the keys that tokens are checked with", other),
    };
    Refused::Unknown { source }
}
