//! What is known of credentials, so that a request costs no call of the auth service.
//!
//! An answer is believed for a while, counted from when it was asked for: for `pushed_cache_ttl` while every change
//! is heard of, which removes at once what depends on it; for `cache_ttl` otherwise, so that a revoked key is
//! refused everywhere within that time even then. An answer that was on its way while something changed that it
//! depends on is asked for again. While a credential is in use its answer is renewed shortly before it ends, beside
//! the requests and once however many wait. While nobody can be asked, or no answer comes soon, a credential that
//! was good keeps working for `grace`; one that is not known is neither good nor bad.

mod answers;
mod flights;
mod journal;
mod known;
mod link;
mod memory;
mod refusal;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::StreamExt;
use outcrop_ports::{Authenticator, Changes, Clock, Credential};
use outcrop_telemetry::metric::KeyValue;
use outcrop_telemetry::{current, names};
use outcrop_types::Principal;
use secrecy::ExposeSecret;
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use self::answers::{Answers, Recalled};
use self::flights::{Begun, Flight, Joined};
use crate::GatewayOptions;

pub use self::refusal::Refusal;

/// Longest wait for the authenticator.
const CHECK_TIMEOUT: Duration = Duration::from_secs(5);

/// How long whoever shows a credential that was good waits for it to be confirmed, before the grace time
/// answers in place of an authenticator that hangs.
const KNOWN_PATIENCE: Duration = Duration::from_millis(500);

/// How often one request has a credential checked that keeps changing meanwhile.
const MAX_CHECKS: usize = 3;

/// Most credentials remembered as bad.
const MAX_BAD: usize = 10_000;

/// SHA-256 of a credential: the credential itself is not kept.
type Digest = [u8; 32];

type Verdict = Result<Principal, Refusal>;

/// How a check ended; `None` if something changed meanwhile that it depends on.
type Landed = Option<Verdict>;

/// The cache before an [`Authenticator`]; clones share it.
#[derive(Clone)]
pub struct AuthCache(Arc<Answers>);

impl AuthCache {
    /// Remembers what `authenticator` says, until `changes` tell otherwise.
    #[must_use]
    pub fn new(
        options: GatewayOptions,
        authenticator: Arc<dyn Authenticator>,
        changes: Arc<dyn Changes>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self(Arc::new(Answers::new(options, authenticator, changes, clock)))
    }

    /// Listens to changes until `stop`.
    pub async fn run(&self, stop: CancellationToken) {
        let _deaf = DeafAfterwards(&self.0);
        let mut heard = self.0.changes.listen();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                heard = heard.next() => match heard {
                    Some(heard) => self.0.hear(heard),
                    None => return,
                },
            }
        }
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
                count(&verdict, "remembered");
                Some(verdict)
            }
            Recalled::Nothing => None,
        }
    }

    /// When a credential that is known ends by itself, if it does.
    pub(crate) fn ends_at(&self, credential: &Credential) -> Option<DateTime<Utc>> {
        self.0.good.get(&digest(credential))?.expires_at
    }

    /// The time that counts.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.0.clock.now()
    }

    /// Who shows this credential, asked for if need be.
    pub async fn authenticate(&self, credential: &Credential) -> Result<Principal, Refusal> {
        if let Some(verdict) = self.recall(credential) {
            return verdict;
        }
        let verdict = self.ask(credential).await;
        count(&verdict, "asked");
        verdict
    }

    async fn ask(&self, credential: &Credential) -> Verdict {
        let digest = digest(credential);
        for _ in 0..MAX_CHECKS {
            let Some(flight) = self.check(digest, credential) else {
                let full = || Refusal::unknown("check one more credential", "too many are being checked");
                return self.0.tolerate(&digest).ok_or_else(full);
            };
            let landed = match tokio::time::timeout(KNOWN_PATIENCE, flight.clone()).await {
                Ok(landed) => landed,
                // It goes on, and whoever comes next has its answer.
                Err(_) => match self.0.tolerate(&digest) {
                    Some(principal) => return Ok(principal),
                    None => flight.await,
                },
            };
            match landed {
                Ok(Some(verdict)) => return verdict,
                Ok(None) => {}
                Err(_) => return Err(Refusal::unknown("finish the check", "it was given up")),
            }
        }
        Err(Refusal::unknown("check the credential", "it kept changing meanwhile"))
    }

    /// Joins the check of this credential, or begins one if there is none whose answer would be fresh. It goes
    /// on when those who wait for it have left. `None` if too many are under way.
    fn check(&self, digest: Digest, credential: &Credential) -> Option<Flight> {
        let answers = &self.0;
        let (start, ttl) = (answers.start(), answers.options.cache_ttl);
        let known = answers.good.get(&digest).is_some();
        let Begun { tell, flight, number } = match answers.flights.join(digest, known, start, ttl)? {
            Joined::Other(flight) => return Some(flight),
            Joined::Own(begun) => begun,
        };
        let landing = Landing { answers: Arc::clone(answers), digest, number, known };
        let credential = credential.clone();
        // Asked for on behalf of whoever came first, in whose trace it is.
        tokio::spawn(current::carry(async move {
            let landed = landing.answers.ask(digest, number, start, &credential).await;
            drop(landing);
            // Nobody may be waiting any more; what was learnt is kept all the same.
            drop(tell.send(landed));
        }));
        Some(flight)
    }
}

/// Counts a credential that nobody had to be asked about: it has the form of none.
pub(crate) fn count_refused() {
    counted("refused");
}

/// Counts how a credential was checked that turned out good, or how else it ended.
fn count(verdict: &Verdict, good: &'static str) {
    let outcome = match verdict {
        Ok(_) => good,
        Err(Refusal::Invalid { .. }) => "refused",
        Err(Refusal::Unknown { .. }) => "failed",
    };
    counted(outcome);
}

fn counted(outcome: &'static str) {
    names::AUTH_LOOKUPS.add(1.0, &[KeyValue::new(names::OUTCOME, outcome)]);
}

/// Whatever ends the listening, nobody relies on it afterwards.
struct DeafAfterwards<'a>(&'a Answers);

impl Drop for DeafAfterwards<'_> {
    fn drop(&mut self) {
        self.0.miss();
    }
}

/// Ends a check's entry however the check ends.
struct Landing {
    answers: Arc<Answers>,
    digest: Digest,
    number: u64,
    known: bool,
}

impl Drop for Landing {
    fn drop(&mut self) {
        self.answers.flights.land(&self.digest, self.number, self.known);
    }
}

/// Kinds are kept apart: the same text may be good as one and bad as another.
fn digest(credential: &Credential) -> Digest {
    let (kind, text) = match credential {
        Credential::ApiKey(key) => (b'k', key.expose()),
        Credential::Token(text) => (b't', text.expose_secret()),
        Credential::Session(key) => (b's', key.expose()),
        Credential::Static(text) => (b'x', text.expose_secret()),
    };
    Sha256::new().chain_update([kind]).chain_update(text.as_bytes()).finalize().into()
}

impl fmt::Debug for AuthCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthCache").field("options", &self.0.options).finish_non_exhaustive()
    }
}
