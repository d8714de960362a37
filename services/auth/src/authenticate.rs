//! The service's main question: who shows this credential?
//!
//! Whatever the credential says, its bearer is never more than its subject is now: the standing in the team is
//! looked up with every check, and caps the role.

use async_trait::async_trait;
use outcrop_policy::cap;
use outcrop_ports::{Authenticated, Authenticator, Credential, Refused};
use outcrop_types::{PresentedKey, Principal, Role, Subject, TeamId};

use crate::AuthService;

#[async_trait]
impl Authenticator for AuthService {
    async fn authenticate(&self, credential: &Credential) -> Result<Authenticated, Refused> {
        match credential {
            Credential::ApiKey(presented) => self.authenticate_key(presented).await,
            Credential::Token(token) => self.authenticate_token(token).await,
            Credential::Session(cookie) => self.authenticate_session(cookie).await,
            Credential::Static(text) => self.authenticate_static(text).await,
        }
    }
}

impl AuthService {
    async fn authenticate_key(&self, presented: &PresentedKey) -> Result<Authenticated, Refused> {
        let stored = self.ports().keys.lookup_key(presented.id()).await;
        // Hashed before the answer is looked at: an unknown id costs as much time as a wrong secret.
        let hash = self.hasher().hash(presented);
        let now = self.ports().clock.now();
        let key = stored
            .map_err(|source| Refused::Unknown { source })?
            .ok_or_else(|| Refused::invalid("there is no such key"))?;
        if key.hash != hash {
            return Err(Refused::invalid("the key's secret part is wrong"));
        }
        if !key.is_active(now) {
            return Err(Refused::invalid("the key has been revoked or has expired"));
        }
        let principal = self.with_standing(key.principal()).await?;
        self.last_used().note(&key.id, now);
        Ok(Authenticated { principal, expires_at: key.expires_at, session: None })
    }

    /// The principal, capped by what its subject is in its team now.
    pub(crate) async fn with_standing(&self, principal: Principal) -> Result<Principal, Refused> {
        let standing = self.standing(principal.subject, principal.team).await?;
        Ok(cap(principal, standing))
    }

    /// What a subject is in a team now; nobody, if nothing.
    pub(crate) async fn standing(&self, subject: Subject, team: TeamId) -> Result<Role, Refused> {
        self.ports()
            .users
            .lookup_standing(subject, team)
            .await
            .map_err(|source| Refused::Unknown { source })?
            .ok_or_else(|| Refused::invalid("its owner may not act for its team any more"))
    }
}
