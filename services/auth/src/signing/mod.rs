//! What signs access tokens: keys made here, kept encrypted in the store, shared by all replicas, replaced in time.
//!
//! [`ring`] says what each key is good for, [`rotation`] makes new ones; this is how they are had: from memory, read
//! anew every 15 seconds, and at once when something may have changed.

mod error;
mod operator;
mod ring;
mod rotation;

use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use futures::StreamExt;
use outcrop_config::TokenAlgorithm;
use outcrop_ports::Heard;
use outcrop_token::{Algorithm, JwkSet, Sealer};
use outcrop_types::Change;
use secrecy::ExposeSecret;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

pub use error::SigningError;
pub(crate) use ring::KeyRing;
pub use rotation::SigningKeyView;

use crate::AuthService;

/// How old the keys in memory may be before a request reads them anew. Beside the requests they are read twice as often,
/// which bounds how long a key declared lost elsewhere is believed here where nobody is told of changes.
const FRESH: Duration = Duration::from_secs(30);

/// How old they may be while the store cannot be read.
const USABLE: Duration = Duration::from_secs(5 * 60);

/// How often at most they are read because a token names one that is not there: anybody can write such tokens.
const UNKNOWN_AGAIN: Duration = Duration::from_secs(1);

/// The keys in memory.
#[derive(Default)]
pub(crate) struct Signing {
    held: RwLock<Held>,
    /// One reads at a time.
    reading: tokio::sync::Mutex<()>,
    unknown_at: Mutex<Option<Duration>>,
    operator: OnceLock<Result<Arc<KeyRing>, operator::BadKey>>,
}

#[derive(Clone, Default)]
struct Held {
    ring: Option<Arc<KeyRing>>,
    /// By the monotonic clock; `None` if they must not be used before they have been read anew.
    read_at: Option<Duration>,
    /// How often what was read before ceased to be believed.
    doubts: u64,
}

impl Signing {
    fn held(&self) -> Held {
        self.held.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Holds what was read at `read_at`. If something changed while it was read, it has to be read once more.
    fn hold(&self, ring: &Arc<KeyRing>, read_at: Duration, doubts: u64) {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        held.ring = Some(Arc::clone(ring));
        held.read_at = (held.doubts == doubts).then_some(read_at);
    }

    /// Nothing that was read before is believed any more.
    fn distrust(&self) {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        held.read_at = None;
        held.doubts += 1;
    }
}

impl AuthService {
    /// Whether the operator's signing keys, where there are any, can all be used: to be asked at the start.
    pub fn check_signing_key(&self) -> Result<(), SigningError> {
        self.operator_ring().transpose().map(drop)
    }

    /// Keeps the signing keys in memory fresh beside the requests, until told to stop.
    pub(crate) async fn keep_signing_keys(&self, stop: CancellationToken) {
        let mut heard = self.ports().changes.listen();
        let mut time = tokio::time::interval(FRESH / 2);
        time.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = time.tick() => {}
                heard = heard.next() => match heard {
                    // Keys may have been declared lost: what they signed must not be believed a moment longer.
                    Some(Heard::Changed(Change::Everything)) => self.signing().distrust(),
                    Some(Heard::Changed(_)) => continue,
                    Some(Heard::Linked | Heard::Unlinked) => {}
                    None => return,
                },
            }
            if let Err(error) = self.read_key_ring().await {
                tracing::warn!(error = chain(&error), "could not refresh the signing keys");
            }
        }
    }

    /// The public parts of all keys that are believed or soon will be, for those who check tokens themselves.
    pub(crate) async fn published_keys(&self) -> Result<JwkSet, SigningError> {
        Ok(self.key_ring().await?.published(self.ports().clock.now()))
    }

    /// What those keys sign with.
    pub(crate) async fn published_algorithms(&self) -> Result<Vec<&'static str>, SigningError> {
        let ring = self.key_ring().await?;
        let believed = ring.believed(self.ports().clock.now());
        let used = |it: &Algorithm| believed.iter().any(|key| key.algorithm() == *it);
        Ok(Algorithm::ALL.into_iter().filter(used).map(Algorithm::name).collect())
    }

    /// The keys, as fresh as they need to be.
    pub(crate) async fn key_ring(&self) -> Result<Arc<KeyRing>, SigningError> {
        if let Some(ring) = self.operator_ring() {
            return ring;
        }
        let Some((ring, age)) = self.held_ring() else { return self.read_key_ring().await };
        if age < FRESH {
            return Ok(ring);
        }
        if age < USABLE {
            // Whoever comes first reads them; all others go on with those they have.
            let Ok(reading) = self.signing().reading.try_lock() else { return Ok(ring) };
            return Ok(self.read_locked(&reading).await.unwrap_or_else(|error| {
                tracing::warn!(error = chain(&error), "could not refresh the signing keys");
                ring
            }));
        }
        self.read_key_ring().await
    }

    /// The keys read anew because a token names one that is not among them; `None` if that was done within the
    /// last second.
    pub(crate) async fn key_ring_for_unknown(&self) -> Result<Option<Arc<KeyRing>>, SigningError> {
        let now = self.ports().clock.monotonic();
        {
            let mut at = self.signing().unknown_at.lock().unwrap_or_else(PoisonError::into_inner);
            if at.is_some_and(|at| now.saturating_sub(at) < UNKNOWN_AGAIN) {
                return Ok(None);
            }
            *at = Some(now);
        }
        self.read_key_ring().await.map(Some)
    }

    /// Reads the keys from the store, and replaces the one that signs if that is due.
    pub(crate) async fn read_key_ring(&self) -> Result<Arc<KeyRing>, SigningError> {
        if let Some(ring) = self.operator_ring() {
            return ring;
        }
        let asked = self.ports().clock.monotonic();
        let reading = self.signing().reading.lock().await;
        // Somebody may have read them while this one waited.
        match self.signing().held() {
            Held { ring: Some(ring), read_at: Some(at), .. } if at > asked => Ok(ring),
            _ => self.read_locked(&reading).await,
        }
    }

    async fn read_locked(&self, _: &tokio::sync::MutexGuard<'_, ()>) -> Result<Arc<KeyRing>, SigningError> {
        let ring = self.fetch_key_ring().await?;
        self.replace_if_due(ring).await
    }

    /// Reads the keys from the store and holds them.
    pub(crate) async fn fetch_key_ring(&self) -> Result<Arc<KeyRing>, SigningError> {
        let Held { ring: known, doubts, .. } = self.signing().held();
        let read_at = self.ports().clock.monotonic();
        let records = self.ports().signing_keys.list_signing_keys().await;
        let records = records.map_err(|source| SigningError::Store { source })?;
        let ring = Arc::new(KeyRing::read(records, &self.key_sealer()?, known.as_deref(), self.token_ttl()));
        self.signing().hold(&ring, read_at, doubts);
        Ok(ring)
    }

    fn held_ring(&self) -> Option<(Arc<KeyRing>, Duration)> {
        let held = self.signing().held();
        let age = self.ports().clock.monotonic().saturating_sub(held.read_at?);
        Some((held.ring?, age))
    }

    /// The operator's keys, where there are any.
    fn operator_ring(&self) -> Option<Result<Arc<KeyRing>, SigningError>> {
        let pem = self.options().signing_key.as_ref()?;
        let read = self.signing().operator.get_or_init(|| {
            let keys = operator::read(pem.expose_secret())?;
            Ok(Arc::new(KeyRing::of_operator(keys)))
        });
        Some(read.clone().map_err(|bad| SigningError::Operator { number: bad.number, source: bad.source }))
    }

    /// What the settings want tokens signed with.
    fn algorithm(&self) -> Algorithm {
        match self.options().algorithm {
            TokenAlgorithm::EdDsa => Algorithm::EdDsa,
            TokenAlgorithm::Rs256 => Algorithm::Rs256,
        }
    }

    /// Seals private parts at rest.
    fn key_sealer(&self) -> Result<Sealer, SigningError> {
        Sealer::new(self.options().secret.expose_secret().as_bytes(), ring::PURPOSE)
            .map_err(|error| SigningError::Make { source: error.into() })
    }

    fn token_ttl(&self) -> chrono::Duration {
        in_chrono(self.options().access_token_ttl)
    }
}

/// Settings are at most years, which fit.
pub(crate) fn in_chrono(duration: Duration) -> chrono::Duration {
    chrono::Duration::from_std(duration).unwrap_or(chrono::Duration::MAX)
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
