//! What is known of credentials, so that a request costs no call of the auth service.
//!
//! A good answer is believed for `cache_ttl`, counted from when it was asked for, so that a revoked key is
//! refused everywhere within that time. While a credential is in use its answer is renewed shortly before it
//! ends, beside the requests and once however many wait. While nobody can be asked, a credential that was
//! good keeps working for `grace`; one that is not known is neither good nor bad.

mod memory;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::FutureExt;
use futures::future::Shared;
use outcrop_ports::{Authenticated, Authenticator, Clock, Credential, PortError, Refused};
use outcrop_types::{Classify, ErrorCode, Principal};
use sha2::{Digest as _, Sha256};
use tokio::sync::oneshot;

use self::memory::{Memory, Ranked};
use crate::GatewayOptions;

/// Longest wait for the authenticator.
const CHECK_TIMEOUT: Duration = Duration::from_secs(5);

/// Most checks under way at once; a flood of unknown keys must not become a flood of calls.
const MAX_FLIGHTS: usize = 1024;

/// Most credentials remembered as bad.
const MAX_BAD: usize = 10_000;

/// When to come back after a check that could not be made.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// SHA-256 of a credential: the credential itself is not kept.
type Digest = [u8; 32];

/// Why a credential does not let its bearer in.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Refusal {
    /// It is not, or no longer, good.
    #[error("the credential is not valid")]
    Invalid,
    /// It could not be checked.
    #[error("the credential could not be checked; try again shortly")]
    Unknown {
        /// What stood in the way.
        #[source]
        source: Arc<PortError>,
    },
}

impl Refusal {
    /// When to come back, if that may help.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Invalid => None,
            Self::Unknown { .. } => Some(RETRY_AFTER),
        }
    }
}

impl Classify for Refusal {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Invalid => ErrorCode::Unauthenticated,
            Self::Unknown { .. } => ErrorCode::Unavailable,
        }
    }
}

type Verdict = Result<Principal, Refusal>;

/// The cache before an [`Authenticator`]; clones share it.
#[derive(Clone)]
pub struct AuthCache(Arc<Inner>);

struct Inner {
    options: GatewayOptions,
    authenticator: Arc<dyn Authenticator>,
    clock: Arc<dyn Clock>,
    good: Memory<Known>,
    /// Apart from the good ones, so that a flood of bad keys drives none of them out. Holds when they were
    /// last asked about.
    bad: Memory<Duration>,
    flights: Mutex<HashMap<Digest, Flight>>,
    /// Whether the last check failed for want of an answer; for logging the change.
    away: AtomicBool,
}

/// A check under way, awaited by all who need it.
type Flight = Shared<oneshot::Receiver<Verdict>>;

/// A credential that was good when it was last checked.
#[derive(Clone)]
struct Known {
    principal: Principal,
    expires_at: Option<DateTime<Utc>>,
    /// When the check that said so began; of the monotonic clock.
    checked_at: Duration,
    /// Set while it cannot be confirmed: when to try again.
    retry_at: Option<Duration>,
}

impl Ranked for Known {
    /// What is in use is checked again and again.
    fn rank(&self) -> Duration {
        self.checked_at
    }
}

impl Ranked for Duration {
    fn rank(&self) -> Duration {
        *self
    }
}

/// What the memory alone says.
enum Recalled {
    /// This; and whether it should be renewed beside the request.
    Says(Verdict, bool),
    /// Nothing, or nothing fresh enough.
    Nothing,
}

impl AuthCache {
    /// Remembers what `authenticator` says.
    #[must_use]
    pub fn new(
        options: GatewayOptions,
        authenticator: Arc<dyn Authenticator>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self(Arc::new(Inner {
            good: Memory::new(options.cache_entries),
            bad: Memory::new(options.cache_entries.min(MAX_BAD)),
            options,
            authenticator,
            clock,
            flights: Mutex::default(),
            away: AtomicBool::new(false),
        }))
    }

    /// What is known without asking; `None` if asking is needed.
    #[must_use]
    pub fn recall(&self, credential: &Credential) -> Option<Result<Principal, Refusal>> {
        let digest = digest(credential);
        match self.0.recall(&digest) {
            Recalled::Says(verdict, renew) => {
                if renew {
                    drop(self.check(digest, credential));
                }
                Some(verdict)
            }
            Recalled::Nothing => None,
        }
    }

    /// Who shows this credential, asked for if need be.
    pub async fn authenticate(&self, credential: &Credential) -> Result<Principal, Refusal> {
        if let Some(verdict) = self.recall(credential) {
            return verdict;
        }
        match self.check(digest(credential), credential) {
            Some(flight) => {
                flight.await.unwrap_or_else(|_| Err(unknown("finish the check", "it was given up")))
            }
            None => Err(unknown("check one more credential", "too many are being checked")),
        }
    }

    /// Joins the check of this credential, or begins it. It goes on when those who wait for it have left.
    fn check(&self, digest: Digest, credential: &Credential) -> Option<Flight> {
        let mut flights = self.0.flights.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = flights.get(&digest) {
            return Some(flight.clone());
        }
        if flights.len() >= MAX_FLIGHTS {
            return None;
        }
        let (tell, told) = oneshot::channel();
        let flight = told.shared();
        flights.insert(digest, flight.clone());
        drop(flights);
        let landing = Landing { inner: Arc::clone(&self.0), digest };
        let credential = credential.clone();
        tokio::spawn(async move {
            let verdict = landing.inner.ask(digest, &credential).await;
            drop(landing);
            // Nobody may be waiting any more; what was learnt is kept all the same.
            drop(tell.send(verdict));
        });
        Some(flight)
    }
}

impl Inner {
    fn recall(&self, digest: &Digest) -> Recalled {
        let now = self.clock.monotonic();
        let ttl = self.options.cache_ttl;
        if let Some(known) = self.good.get(digest) {
            if known.expires_at.is_some_and(|at| at <= self.clock.now()) {
                self.good.remove(digest);
                return Recalled::Says(Err(Refusal::Invalid), false);
            }
            let age = now.saturating_sub(known.checked_at);
            return match known.retry_at {
                _ if age < ttl => {
                    let due = age >= ttl * 3 / 4 && known.retry_at.is_none_or(|at| now >= at);
                    Recalled::Says(Ok(known.principal), due)
                }
                Some(at) if age < self.options.grace => Recalled::Says(Ok(known.principal), now >= at),
                _ => Recalled::Nothing,
            };
        }
        match self.bad.get(digest) {
            Some(at) if now.saturating_sub(at) < ttl => Recalled::Says(Err(Refusal::Invalid), false),
            _ => Recalled::Nothing,
        }
    }

    /// Asks, and remembers the answer as of when it was asked for.
    async fn ask(&self, digest: Digest, credential: &Credential) -> Verdict {
        let began = self.clock.monotonic();
        let answer = tokio::time::timeout(CHECK_TIMEOUT, self.authenticator.authenticate(credential)).await;
        match answer {
            Ok(Ok(Authenticated { principal, expires_at })) => {
                self.log_back();
                self.bad.remove(&digest);
                let known =
                    Known { principal: principal.clone(), expires_at, checked_at: began, retry_at: None };
                self.good.insert(digest, known);
                Ok(principal)
            }
            Ok(Err(Refused::Invalid)) => {
                self.log_back();
                self.good.remove(&digest);
                self.bad.insert(digest, began);
                Err(Refusal::Invalid)
            }
            Ok(Err(Refused::Unknown { source })) => self.excuse(&digest, source),
            Err(_) => {
                self.excuse(&digest, PortError::unavailable("check the credential", "no answer in time"))
            }
        }
    }

    /// No answer came: what was good stays good for the grace time.
    fn excuse(&self, digest: &Digest, source: PortError) -> Verdict {
        self.log_away(&source);
        let now = self.clock.monotonic();
        let known = self.good.update(digest, |known| {
            known.retry_at = Some(now + self.options.cache_ttl.min(RETRY_AFTER));
        });
        match known {
            Some(known) if now.saturating_sub(known.checked_at) < self.options.grace => Ok(known.principal),
            Some(_) => {
                self.good.remove(digest);
                Err(Refusal::Unknown { source: Arc::new(source) })
            }
            None => Err(Refusal::Unknown { source: Arc::new(source) }),
        }
    }

    fn log_away(&self, error: &PortError) {
        if !self.away.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                error = error.chain(),
                "credentials cannot be checked; known ones keep working for a while"
            );
        }
    }

    fn log_back(&self) {
        if self.away.load(Ordering::Relaxed) && self.away.swap(false, Ordering::Relaxed) {
            tracing::info!("credentials can be checked again");
        }
    }
}

/// Ends a check's entry however the check ends.
struct Landing {
    inner: Arc<Inner>,
    digest: Digest,
}

impl Drop for Landing {
    fn drop(&mut self) {
        let mut flights = self.inner.flights.lock().unwrap_or_else(PoisonError::into_inner);
        flights.remove(&self.digest);
    }
}

fn digest(credential: &Credential) -> Digest {
    match credential {
        Credential::ApiKey(key) => Sha256::digest(key.expose().as_bytes()).into(),
    }
}

fn unknown(attempted: &str, why: &str) -> Refusal {
    Refusal::Unknown { source: Arc::new(PortError::unavailable(attempted, why)) }
}

impl fmt::Debug for AuthCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthCache").field("options", &self.0.options).finish_non_exhaustive()
    }
}
