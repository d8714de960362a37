//! The signing keys as they were last read: which one signs, which are believed, whether a new one is due.
//!
//! A key's life: it is made and published; ten minutes later, when everybody who checks tokens has read of it, it
//! signs; when the next one signs it is believed until the last token that it signed is over; then it is forgotten.
//! One that was declared lost is believed no more from that moment on, by whoever knows: see [`KeyRing`].
//!
//! Only what opens under the server's secret is a key here, its public part included: whoever can write into the
//! database and no more makes none. Pure: the time is an argument.

use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use outcrop_token::{Algorithm, JwkSet, Sealer, SigningKey, VerifyingKey};
use outcrop_types::StoredSigningKey;

/// How long before it signs a key is published. Longer than the keys may be cached by those who check tokens.
pub(crate) const PUBLISHED_BEFORE: Duration = Duration::minutes(10);

/// How much longer than its tokens last a key is believed: the clocks of replicas and of those who check differ.
const LEEWAY: Duration = Duration::minutes(1);

/// What keys are sealed for at rest.
pub(crate) const PURPOSE: &str = "signing key at rest";

/// Where a key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Published, and not signing yet.
    Next,
    /// Signs.
    Signing,
    /// Signs no more; what it signed is believed.
    Retiring,
    /// What it signed is over.
    Retired,
    /// Declared lost.
    Revoked,
    /// Does not open under this server's secret.
    Unusable,
}

impl State {
    /// The name in the API.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Signing => "signing",
            Self::Retiring => "retiring",
            Self::Retired => "retired",
            Self::Revoked => "revoked",
            Self::Unusable => "unusable",
        }
    }
}

/// When a new key is due to sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// At once: nothing signs.
    Now,
    /// Once it has been published for a while.
    Soon,
}

/// All keys, newest first, as one process read them. A key that is declared lost is believed by the others until they
/// hear of it, which with Redis is at once, or else look again: every 15 seconds, and after five minutes in which the
/// store could not be read they believe nothing.
pub(crate) struct KeyRing {
    keys: Vec<Held>,
    /// How long a key is believed after it was superseded; `None`: as long as it is there.
    believed_for: Option<Duration>,
}

#[derive(Clone)]
struct Held {
    record: StoredSigningKey,
    /// `None` if it does not open; the log says why.
    key: Option<Arc<SigningKey>>,
}

impl KeyRing {
    /// Out of records, newest first. Opened keys are taken over from `known`.
    pub(crate) fn read(
        records: Vec<StoredSigningKey>,
        sealer: &Sealer,
        known: Option<&Self>,
        token_ttl: Duration,
    ) -> Self {
        let known = |kid: &str| known.and_then(|ring| ring.keys.iter().find(|key| key.record.kid == kid));
        let mut keys: Vec<Held> = records
            .into_iter()
            .map(|record| match known(&record.kid) {
                Some(held) => Held { record, key: held.key.clone() },
                None => Held { key: open(&record, sealer), record },
            })
            .collect();
        keys.sort_by_key(|key| std::cmp::Reverse(key.record.generation));
        Self { keys, believed_for: Some(token_ttl + LEEWAY) }
    }

    /// The operator's keys. The first signs; the others are believed until the operator takes them away.
    pub(crate) fn of_operator(keys: Vec<SigningKey>) -> Self {
        let record = |key: &SigningKey| StoredSigningKey {
            kid: key.kid().to_owned(),
            generation: 0,
            algorithm: key.algorithm().name().to_owned(),
            public_jwk: String::new(),
            sealed: Vec::new(),
            created_at: DateTime::UNIX_EPOCH,
            active_from: DateTime::UNIX_EPOCH,
            revoked_at: None,
        };
        let keys = keys.into_iter().map(|key| Held { record: record(&key), key: Some(Arc::new(key)) });
        Self { keys: keys.collect(), believed_for: None }
    }

    /// The key that signs at `now`: the newest that is active.
    pub(crate) fn signer(&self, now: DateTime<Utc>) -> Option<Arc<SigningKey>> {
        let (held, _) = self.with_states(now).find(|(_, state)| *state == State::Signing)?;
        held.key.clone()
    }

    /// The keys whose signatures are believed at `now`. One that does not sign yet is among them: the clock of the
    /// replica that signs may be ahead.
    pub(crate) fn believed(&self, now: DateTime<Utc>) -> Vec<VerifyingKey> {
        self.with_states(now)
            .filter(|(_, state)| matches!(state, State::Next | State::Signing | State::Retiring))
            .filter_map(|(held, _)| held.key.as_ref().map(|key| key.verifying_key()))
            .collect()
    }

    /// What is published at `now`.
    pub(crate) fn published(&self, now: DateTime<Utc>) -> JwkSet {
        JwkSet::new(self.believed(now).iter().map(|key| key.jwk().clone()).collect())
    }

    /// Every record, newest first, and where it stands.
    pub(crate) fn records(&self, now: DateTime<Utc>) -> impl Iterator<Item = (&StoredSigningKey, State)> {
        self.with_states(now).map(|(held, state)| (&held.record, state))
    }

    /// Until when a key that was superseded is believed.
    pub(crate) fn believed_until(&self, kid: &str) -> Option<DateTime<Utc>> {
        let at = self.keys.iter().position(|key| key.record.kid == kid)?;
        Some(self.superseded_at(at)? + self.believed_for?)
    }

    /// Whether a new key is due at `now`. With one on its way none is: replicas whose settings differ would make
    /// one after the other.
    pub(crate) fn due(&self, now: DateTime<Utc>, rotation: Duration, algorithm: Algorithm) -> Option<Due> {
        if self.signer(now).is_none() {
            return Some(Due::Now);
        }
        let newest = self.keys.iter().find(|held| held.counts())?;
        let waits = newest.record.active_from > now;
        let outlived = newest.record.active_from + rotation <= now;
        let unwanted = newest.record.algorithm != algorithm.name();
        (!waits && (outlived || unwanted)).then_some(Due::Soon)
    }

    /// The number of the next key.
    pub(crate) fn next_generation(&self) -> u32 {
        self.keys.first().map_or(1, |key| key.record.generation.saturating_add(1))
    }

    fn with_states(&self, now: DateTime<Utc>) -> impl Iterator<Item = (&Held, State)> {
        self.keys.iter().enumerate().map(move |(at, held)| (held, self.state(at, now)))
    }

    fn state(&self, at: usize, now: DateTime<Utc>) -> State {
        let Held { record, key } = &self.keys[at];
        if record.revoked_at.is_some() {
            return State::Revoked;
        }
        if key.is_none() {
            return State::Unusable;
        }
        if record.active_from > now {
            return State::Next;
        }
        match self.superseded_at(at) {
            Some(at) if self.believed_for.is_some_and(|it| at + it <= now) => State::Retired,
            Some(at) if at <= now => State::Retiring,
            _ => State::Signing,
        }
    }

    /// When the key at this place was or will be followed by a newer one.
    fn superseded_at(&self, at: usize) -> Option<DateTime<Utc>> {
        let newer = self.keys[..at].iter().filter(|newer| newer.counts());
        newer.map(|newer| newer.record.active_from).min()
    }
}

impl Held {
    /// Whether it takes part: one that was declared lost, or does not open, follows nobody.
    const fn counts(&self) -> bool {
        self.record.revoked_at.is_none() && self.key.is_some()
    }
}

fn open(record: &StoredSigningKey, sealer: &Sealer) -> Option<Arc<SigningKey>> {
    let refuse = |error: &dyn std::error::Error| {
        tracing::error!(
            signing_key.kid = record.kid,
            error = %error,
            "a signing key does not open; do all replicas have the same `auth.key_secret`?"
        );
    };
    let algorithm = Algorithm::parse(&record.algorithm)?;
    let pkcs8 = sealer.open(&record.sealed, record.kid.as_bytes()).inspect_err(|error| refuse(error)).ok()?;
    let key = SigningKey::from_pkcs8(algorithm, Some(&record.kid), &pkcs8);
    key.inspect_err(|error| refuse(error)).ok().map(Arc::new)
}

#[cfg(test)]
mod tests;
