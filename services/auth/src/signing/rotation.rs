//! Making, replacing and revoking signing keys.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, SubsecRound, Utc};
use outcrop_ports::{Changed, PortError};
use outcrop_token::SigningKey;
use outcrop_types::{Change, StoredSigningKey};
use secrecy::ExposeSecret;
use serde::Serialize;
use serde_json::json;

use super::ring::{Due, KeyRing, PUBLISHED_BEFORE, State};
use super::{SigningError, in_chrono};
use crate::{Acting, AdminError, AuthService};

/// How often a key is made anew because another replica made one at the same time.
const TRIES: usize = 3;

/// When the loss of a key is told a second time. A replica of this service that had not heard of it may have
/// answered a gateway, which had and remembers that answer; by then all have.
const TELL_AGAIN: Duration = Duration::from_secs(2);

/// A signing key as it is shown.
#[derive(Debug, Clone, Serialize)]
pub struct SigningKeyView {
    /// Its name.
    pub kid: String,
    /// `EdDSA` or `RS256`.
    pub algorithm: String,
    /// `next`, `signing`, `retiring`, `retired`, `revoked`, or `unusable` for one that does not open here.
    pub state: &'static str,
    /// The how-manieth it is.
    pub generation: u32,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// From when on it signs.
    pub active_from: DateTime<Utc>,
    /// Until when it is believed, where a newer one takes its place.
    pub believed_until: Option<DateTime<Utc>>,
    /// When it was declared lost.
    pub revoked_at: Option<DateTime<Utc>>,
}

impl AuthService {
    /// The signing keys there are, newest first.
    pub async fn list_signing_keys(&self, acting: &Acting) -> Result<Vec<SigningKeyView>, AdminError> {
        acting.check_platform()?;
        let ring = self.key_ring().await.map_err(failed("read the signing keys"))?;
        let now = self.ports().clock.now();
        Ok(ring.records(now).map(|(record, state)| view(&ring, record, state)).collect())
    }

    /// Makes a new signing key. With `revoke_old` it signs at once, and nothing that the others signed is believed
    /// any more; else it signs once it has been published for a while. The new key.
    pub async fn rotate_signing_key(
        &self,
        acting: &Acting,
        revoke_old: bool,
    ) -> Result<SigningKeyView, AdminError> {
        acting.check_platform()?;
        if self.options().signing_key.is_some() {
            let message = "the signing key is the one in `auth.signing_key`; replace it there".into();
            return Err(AdminError::State { message });
        }
        let due = if revoke_old { Due::Now } else { Due::Soon };
        let kid = self.make_key(acting, due).await.map_err(failed("replace the signing key"))?;
        if revoke_old {
            self.revoke_all_but(acting, &kid).await?;
        }
        let ring = self.fetch_key_ring().await.map_err(failed("read the signing keys"))?;
        let now = self.ports().clock.now();
        let made = ring.records(now).find(|(record, _)| record.kid == kid);
        made.map(|(record, state)| view(&ring, record, state)).ok_or(AdminError::not_found("signing key"))
    }

    /// Makes a new key if one is due. The keys as they are then.
    pub(super) async fn replace_if_due(&self, ring: Arc<KeyRing>) -> Result<Arc<KeyRing>, SigningError> {
        let mut ring = ring;
        for _ in 0..TRIES {
            let rotation = in_chrono(self.options().signing_rotation);
            let Some(due) = ring.due(self.ports().clock.now(), rotation, self.algorithm()) else {
                return Ok(ring);
            };
            match self.insert_next(&Acting::system(), &ring, due).await {
                // Whether it was this replica or another one: there is a new one.
                Ok(_) => ring = self.fetch_key_ring().await?,
                Err(error) if due == Due::Soon => {
                    tracing::warn!(error = super::chain(&error), "could not replace the signing key");
                    return Ok(ring);
                }
                Err(error) => return Err(error),
            }
        }
        if ring.signer(self.ports().clock.now()).is_some() { Ok(ring) } else { Err(SigningError::None) }
    }

    /// Makes a new key, whatever others make meanwhile; its name.
    async fn make_key(&self, acting: &Acting, due: Due) -> Result<String, SigningError> {
        for _ in 0..TRIES {
            let ring = self.fetch_key_ring().await?;
            if let Some(kid) = self.insert_next(acting, &ring, due).await? {
                return Ok(kid);
            }
        }
        let source = PortError::conflict("make a signing key while others were made");
        Err(SigningError::Store { source })
    }

    /// Adds the key that follows those in `ring`; its name, or `None` if another replica was faster.
    async fn insert_next(
        &self,
        acting: &Acting,
        ring: &KeyRing,
        due: Due,
    ) -> Result<Option<String>, SigningError> {
        let record = self.new_key(ring.next_generation(), due).await?;
        let mut event = self.event(acting, "signing_key.create", &record.kid, None);
        event.after = Some(json!({
            "generation": record.generation,
            "algorithm": record.algorithm,
            "active_from": record.active_from,
        }));
        let changed = self.ports().signing_keys.insert_signing_key(&record, &self.draft(event)).await;
        if changed.map_err(|source| SigningError::Store { source })? != Changed::Done {
            return Ok(None);
        }
        tracing::info!(
            signing_key.kid = record.kid,
            signing_key.generation = record.generation,
            signing_key.active_from = %record.active_from,
            "signing key made"
        );
        Ok(Some(record.kid))
    }

    async fn new_key(&self, generation: u32, due: Due) -> Result<StoredSigningKey, SigningError> {
        let algorithm = self.algorithm();
        // An RSA key takes long enough to hold up a thread that serves requests.
        let made = tokio::task::spawn_blocking(move || SigningKey::generate(algorithm, None)).await;
        let key = made
            .map_err(|error| SigningError::Make { source: error.into() })?
            .map_err(|error| SigningError::Make { source: error.into() })?;
        let mut nonce = [0; 12];
        self.ports().ids.fill(&mut nonce);
        let sealed = self
            .key_sealer()?
            .seal(nonce, key.to_pkcs8().expose_secret(), key.kid().as_bytes())
            .map_err(|error| SigningError::Make { source: error.into() })?;
        // As fine as every store keeps it.
        let now = self.ports().clock.now().trunc_subsecs(6);
        Ok(StoredSigningKey {
            kid: key.kid().to_owned(),
            generation,
            algorithm: algorithm.name().to_owned(),
            public_jwk: key.public_jwk().to_json(),
            sealed,
            created_at: now,
            active_from: if due == Due::Now { now } else { now + PUBLISHED_BEFORE },
            revoked_at: None,
        })
    }

    /// Declares all other keys lost, and tells everybody: even if some of them could not be.
    async fn revoke_all_but(&self, acting: &Acting, kid: &str) -> Result<(), AdminError> {
        let ring = self.fetch_key_ring().await.map_err(failed("read the signing keys"))?;
        let now = self.ports().clock.now();
        let mut result = Ok(());
        for (record, state) in ring.records(now) {
            if record.kid == kid || state == State::Revoked {
                continue;
            }
            let event = self.event(acting, "signing_key.revoke", &record.kid, None);
            match self.ports().signing_keys.revoke_signing_key(&record.kid, now, &self.draft(event)).await {
                // `Stale`: somebody else has revoked or removed it.
                Ok(Changed::Done | Changed::Stale | Changed::Taken | Changed::LastAdmin) => {
                    tracing::warn!(signing_key.kid = record.kid, "signing key revoked");
                }
                Err(source) => {
                    result = Err(AdminError::Store { attempted: "revoke a signing key", source });
                }
            }
        }
        self.signing().distrust();
        self.announce(Change::Everything).await;
        let service = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(TELL_AGAIN).await;
            service.announce(Change::Everything).await;
        });
        result
    }
}

fn view(ring: &KeyRing, record: &StoredSigningKey, state: State) -> SigningKeyView {
    SigningKeyView {
        kid: record.kid.clone(),
        algorithm: record.algorithm.clone(),
        state: state.name(),
        generation: record.generation,
        created_at: record.created_at,
        active_from: record.active_from,
        believed_until: ring.believed_until(&record.kid).filter(|_| state != State::Revoked),
        revoked_at: record.revoked_at,
    }
}

fn failed(attempted: &'static str) -> impl Fn(SigningError) -> AdminError {
    move |error| match error {
        SigningError::Store { source } => AdminError::Store { attempted, source },
        other => AdminError::Store { attempted, source: PortError::broken(attempted, other) },
    }
}
