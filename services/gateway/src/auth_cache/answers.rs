//! What is remembered, asked for and forgotten.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use outcrop_ports::{Authenticator, Changes, Clock, Credential, Heard, PortError, Refused};
use outcrop_types::{Change, Principal};

use super::flights::{Flights, Start};
use super::journal::Journal;
use super::known::{Bad, Known};
use super::link::Link;
use super::memory::Memory;
use super::refusal::RETRY_AFTER;
use super::{CHECK_TIMEOUT, Digest, Landed, MAX_BAD, Refusal, Verdict};
use crate::GatewayOptions;

pub(super) struct Answers {
    pub(super) options: GatewayOptions,
    authenticator: Arc<dyn Authenticator>,
    pub(super) changes: Arc<dyn Changes>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) good: Memory<Known>,
    /// Apart from the good ones, so that a flood of bad keys drives none of them out.
    pub(super) bad: Memory<Bad>,
    pub(super) flights: Flights,
    pub(super) journal: Journal,
    link: Link,
    /// Whether the last check failed for want of an answer; for logging the change.
    away: AtomicBool,
}

/// What the memory alone says.
pub(super) enum Recalled {
    /// This; and whether it should be renewed beside the request.
    Says(Verdict, bool),
    /// Nothing, or nothing fresh enough.
    Nothing,
}

impl Answers {
    pub(super) fn new(
        options: GatewayOptions,
        authenticator: Arc<dyn Authenticator>,
        changes: Arc<dyn Changes>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            good: Memory::new(options.cache_entries),
            bad: Memory::new(options.cache_entries.min(MAX_BAD)),
            options,
            authenticator,
            changes,
            clock,
            flights: Flights::default(),
            journal: Journal::default(),
            link: Link::default(),
            away: AtomicBool::new(false),
        }
    }

    pub(super) fn recall(&self, digest: &Digest) -> Recalled {
        let now = self.clock.monotonic();
        if let Some(known) = self.good.get(digest) {
            if known.has_ended(|| self.clock.now()) {
                self.good.remove(digest);
                return Recalled::Says(Err(Refusal::expired()), false);
            }
            let age = now.saturating_sub(known.checked_at);
            let ttl = self.ttl(known.checked_at);
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
            // No word is sent of a credential that becomes good by time alone.
            Some(bad) if now.saturating_sub(bad.checked_at) < self.options.cache_ttl => {
                Recalled::Says(Err(Refusal::Invalid { why: bad.why }), false)
            }
            _ => Recalled::Nothing,
        }
    }

    /// How old an answer may be whose check began at this time.
    fn ttl(&self, checked_at: Duration) -> Duration {
        if self.link.covers(checked_at) { self.options.pushed_cache_ttl } else { self.options.cache_ttl }
    }

    /// A check that begins now.
    pub(super) fn start(&self) -> Start {
        // The generation first: a change in between makes the check look older than it is, never younger.
        let generation = self.journal.generation();
        Start { at: self.clock.monotonic(), generation }
    }

    /// Asks, and remembers the answer as of when it was asked for; `None` if it is outdated by the time it comes.
    pub(super) async fn ask(
        &self,
        digest: Digest,
        number: u64,
        start: Start,
        credential: &Credential,
    ) -> Landed {
        let asking = self.authenticator.authenticate(credential);
        let answer = tokio::time::timeout(CHECK_TIMEOUT, asking).await.unwrap_or_else(|_| {
            Err(Refused::Unknown {
                source: PortError::unavailable("check the credential", "no answer in time"),
            })
        });
        match answer {
            Ok(found) => {
                self.log_back();
                let known = Known::new(found, start.at);
                let principal = known.principal.clone();
                let keep = || {
                    self.bad.remove(&digest);
                    self.good.insert(digest, known.clone());
                };
                self.keep(&digest, number, start, |change| known.depends_on(change), keep)?;
                Some(Ok(principal))
            }
            Err(Refused::Invalid { why }) => {
                self.log_back();
                let bad = Bad::new(credential, why.clone(), start.at);
                let keep = || {
                    self.good.remove(&digest);
                    self.bad.insert(digest, bad.clone());
                };
                self.keep(&digest, number, start, |change| bad.depends_on(change), keep)?;
                Some(Err(Refusal::Invalid { why }))
            }
            Err(Refused::Unknown { source }) => {
                self.log_away(&source);
                let tolerated = self.tolerate(&digest);
                Some(tolerated.ok_or_else(|| Refusal::Unknown { source: Arc::new(source) }))
            }
        }
    }

    /// Keeps an answer, unless a later check has begun, which knows better; `None` if it is outdated.
    fn keep(
        &self,
        digest: &Digest,
        number: u64,
        start: Start,
        depends_on: impl Fn(&Change) -> bool,
        keep: impl FnOnce(),
    ) -> Option<()> {
        let then = || self.flights.if_latest(digest, number, keep);
        self.journal.unless_outdated(start.generation, depends_on, then).then_some(())
    }

    /// No answer came: what was good stays good for the grace time.
    pub(super) fn tolerate(&self, digest: &Digest) -> Option<Principal> {
        let now = self.clock.monotonic();
        let known = self.good.update(digest, |known| {
            // What was confirmed meanwhile needs no excuse.
            if now.saturating_sub(known.checked_at) >= self.ttl(known.checked_at) {
                known.retry_at = Some(now + self.options.cache_ttl.min(RETRY_AFTER));
            }
        })?;
        let ended = known.has_ended(|| self.clock.now());
        if ended || now.saturating_sub(known.checked_at) >= self.options.grace {
            self.good.remove(digest);
            return None;
        }
        Some(known.principal)
    }

    /// Takes in what the listener hears.
    pub(super) fn hear(&self, heard: Heard) {
        match heard {
            Heard::Linked => {
                tracing::debug!("changes are pushed; answers about credentials are kept longer");
                self.link.up(self.clock.monotonic());
            }
            Heard::Unlinked => self.miss(),
            Heard::Changed(change) => {
                // Noted first: an answer that is on its way is either outdated, or kept by now and removed here.
                self.journal.add(change.clone());
                self.good.remove_where(|known| known.depends_on(&change));
                self.bad.remove_where(|bad| bad.depends_on(&change));
            }
        }
    }

    /// Changes may be missed from here on.
    pub(super) fn miss(&self) {
        tracing::debug!("changes are not pushed; answers about credentials are asked for again soon");
        self.link.down();
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
