//! The service and its main question: who shows this credential?

use std::sync::Arc;

use async_trait::async_trait;
use outcrop_ports::{Authenticated, Authenticator, Clock, Credential, IdGen, KeyStore, Refused, UserStore};
use outcrop_types::{KeyHasher, PresentedKey};

/// Keys, users and teams. Cheap to clone.
#[derive(Clone)]
pub struct AuthService {
    pub(crate) keys: Arc<dyn KeyStore>,
    pub(crate) users: Arc<dyn UserStore>,
    pub(crate) hasher: KeyHasher,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdGen>,
}

impl AuthService {
    /// Puts the service together.
    #[must_use]
    pub fn new(
        keys: Arc<dyn KeyStore>,
        users: Arc<dyn UserStore>,
        hasher: KeyHasher,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdGen>,
    ) -> Self {
        Self { keys, users, hasher, clock, ids }
    }

    async fn authenticate_key(&self, presented: &PresentedKey) -> Result<Authenticated, Refused> {
        let stored = self.keys.lookup_key(presented.id()).await;
        // Hashed before the answer is looked at: an unknown id costs as much time as a wrong secret.
        let hash = self.hasher.hash(presented);
        let key = stored.map_err(|source| Refused::Unknown { source })?.ok_or(Refused::Invalid)?;
        if key.hash != hash || !key.is_active(self.clock.now()) {
            return Err(Refused::Invalid);
        }
        Ok(Authenticated { principal: key.principal(), expires_at: key.expires_at })
    }
}

#[async_trait]
impl Authenticator for AuthService {
    async fn authenticate(&self, credential: &Credential) -> Result<Authenticated, Refused> {
        match credential {
            Credential::ApiKey(presented) => self.authenticate_key(presented).await,
        }
    }
}
