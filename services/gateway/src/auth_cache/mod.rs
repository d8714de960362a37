//! What is known of credentials, so that a request costs no call of the auth service.
//!
//! A good answer is believed for `cache_ttl`, counted from when it was asked for, so that a revoked key is
//! refused everywhere within that time. While a credential is in use its answer is renewed shortly before it
//! ends, beside the requests and once however many wait. While nobody can be asked, or no answer comes soon,
//! a credential that was good keeps working for `grace`; one that is not known is neither good nor bad.

mod flights;
mod memory;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use outcrop_ports::{Authenticated, Authenticator, Clock, Credential, PortError, Refused};
use outcrop_types::{Classify, ErrorCode, Principal};
use sha2::{Digest as _, Sha256};
use tokio::sync::oneshot;

use self::flights::{Begun, Flight, Flights, Joined};
use self::memory::{Memory, Ranked};
use crate::GatewayOptions;

/// Longest wait for the authenticator.
const CHECK_TIMEOUT: Duration = Duration::from_secs(5);

/// How long whoever shows a credential that was good waits for it to be confirmed, before the grace time
/// answers in place of an authenticator that hangs.
const KNOWN_PATIENCE: Duration = Duration::from_millis(500);

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
    flights: Flights,
    /// Whether the last check failed for want of an answer; for logging the change.
    away: AtomicBool,
}

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
            flights: Flights::default(),
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
        let digest = digest(credential);
        let Some(flight) = self.check(digest, credential) else {
            return self
                .0
                .tolerate(&digest)
                .ok_or_else(|| unknown("check one more credential", "too many are being checked"));
        };
        if let Ok(landed) = tokio::time::timeout(KNOWN_PATIENCE, flight.clone()).await {
            return landed.unwrap_or_else(given_up);
        }
        // It goes on, and whoever comes next has its answer.
        match self.0.tolerate(&digest) {
            Some(principal) => Ok(principal),
            None => flight.await.unwrap_or_else(given_up),
        }
    }

    /// Joins the check of this credential, or begins one if there is none whose answer would be fresh. It goes
    /// on when those who wait for it have left. `None` if too many are under way.
    fn check(&self, digest: Digest, credential: &Credential) -> Option<Flight> {
        let inner = &self.0;
        let (now, ttl) = (inner.clock.monotonic(), inner.options.cache_ttl);
        let known = inner.good.get(&digest).is_some();
        let Begun { tell, flight, began, number } = match inner.flights.join(digest, known, now, ttl)? {
            Joined::Other(flight) => return Some(flight),
            Joined::Own(begun) => begun,
        };
        let landing = Landing { inner: Arc::clone(inner), digest, number, known };
        let credential = credential.clone();
        tokio::spawn(async move {
            let verdict = landing.inner.ask(digest, number, began, &credential).await;
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
    async fn ask(&self, digest: Digest, number: u64, began: Duration, credential: &Credential) -> Verdict {
        let asking = self.authenticator.authenticate(credential);
        let answer = tokio::time::timeout(CHECK_TIMEOUT, asking).await.unwrap_or_else(|_| {
            Err(Refused::Unknown {
                source: PortError::unavailable("check the credential", "no answer in time"),
            })
        });
        match answer {
            Ok(Authenticated { principal, expires_at }) => {
                self.log_back();
                let known =
                    Known { principal: principal.clone(), expires_at, checked_at: began, retry_at: None };
                self.flights.if_latest(&digest, number, || {
                    self.bad.remove(&digest);
                    self.good.insert(digest, known);
                });
                Ok(principal)
            }
            Err(Refused::Invalid) => {
                self.log_back();
                self.flights.if_latest(&digest, number, || {
                    self.good.remove(&digest);
                    self.bad.insert(digest, began);
                });
                Err(Refusal::Invalid)
            }
            Err(Refused::Unknown { source }) => {
                self.log_away(&source);
                self.tolerate(&digest).ok_or_else(|| Refusal::Unknown { source: Arc::new(source) })
            }
        }
    }

    /// No answer came: what was good stays good for the grace time.
    fn tolerate(&self, digest: &Digest) -> Option<Principal> {
        let now = self.clock.monotonic();
        let known = self.good.update(digest, |known| {
            // What was confirmed meanwhile needs no excuse.
            if now.saturating_sub(known.checked_at) >= self.options.cache_ttl {
                known.retry_at = Some(now + self.options.cache_ttl.min(RETRY_AFTER));
            }
        })?;
        let ended = known.expires_at.is_some_and(|at| at <= self.clock.now());
        if ended || now.saturating_sub(known.checked_at) >= self.options.grace {
            self.good.remove(digest);
            return None;
        }
        Some(known.principal)
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
    number: u64,
    known: bool,
}

impl Drop for Landing {
    fn drop(&mut self) {
        self.inner.flights.land(&self.digest, self.number, self.known);
    }
}

fn digest(credential: &Credential) -> Digest {
    match credential {
        Credential::ApiKey(key) => Sha256::digest(key.expose().as_bytes()).into(),
    }
}

fn given_up(_: oneshot::error::RecvError) -> Verdict {
    Err(unknown("finish the check", "it was given up"))
}

fn unknown(attempted: &str, why: &str) -> Refusal {
    Refusal::Unknown { source: Arc::new(PortError::unavailable(attempted, why)) }
}

impl fmt::Debug for AuthCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthCache").field("options", &self.0.options).finish_non_exhaustive()
    }
}
