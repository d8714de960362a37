//! The audit log: who did what, in a chain of hashes that tells whether a row was touched.
//!
//! An event becomes a row when it is sealed: the row's hash covers its number, the hash of the row before and
//! the record, under a secret of the server, so that nobody who has only the database can make a chain that
//! holds. [`AuditRow::read`] checks one row; the order of rows and the end of the chain are for whoever reads
//! them all.

use std::fmt;
use std::net::IpAddr;

use chrono::{DateTime, SubsecRound, Utc};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::Sha256;

use crate::{KeyId, KeySecretTooShort, RequestId, Subject, TeamId};

/// Who did something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Actor {
    /// Somebody authenticated.
    Principal {
        /// The person or program.
        subject: Subject,
        /// The team it acted for.
        team: TeamId,
        /// The key it came with, if any.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<KeyId>,
    },
    /// Somebody with a shell on the servers' settings.
    CommandLine,
    /// The platform itself.
    System,
    /// Somebody who showed no good credential.
    Anonymous,
}

impl Actor {
    /// The name to filter by: the subject's id, `command_line`, `system` or `anonymous`.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Principal { subject, .. } => subject.to_string(),
            Self::CommandLine => "command_line".into(),
            Self::System => "system".into(),
            Self::Anonymous => "anonymous".into(),
        }
    }
}

/// Whether it was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditOutcome {
    /// It was.
    Done,
    /// It was refused.
    Refused,
}

impl AuditOutcome {
    /// The name in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
        }
    }

    /// Reads a name back.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Done, Self::Refused].into_iter().find(|it| it.name() == name)
    }
}

/// One thing that was done or refused. Holds no secret: whoever fills `before` and `after` leaves them out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditEvent {
    /// When.
    pub at: DateTime<Utc>,
    /// Who.
    pub actor: Actor,
    /// The team it concerns, if any: whose admins may read of it.
    pub team: Option<TeamId>,
    /// What: `user.create`, `key.rotate`.
    pub action: String,
    /// On what: an id, or the path of a refused request.
    pub target: String,
    /// Whether it was done.
    pub outcome: AuditOutcome,
    /// What was there before, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What was there after, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// Anything else worth knowing: why it was refused, for example.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// From where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_ip: Option<IpAddr>,
    /// In which request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl AuditEvent {
    /// Something done by `actor` at `now`, with nothing optional known.
    #[must_use]
    pub fn done(actor: Actor, action: &str, target: impl fmt::Display, now: DateTime<Utc>) -> Self {
        Self {
            // As fine as every store keeps it.
            at: now.trunc_subsecs(6),
            actor,
            team: None,
            action: action.to_owned(),
            target: target.to_string(),
            outcome: AuditOutcome::Done,
            before: None,
            after: None,
            detail: None,
            client_ip: None,
            request_id: None,
        }
    }

    /// Names the request it happened in.
    #[must_use]
    pub fn in_request(mut self, id: &RequestId) -> Self {
        self.request_id = Some(id.as_str().to_owned());
        self
    }
}

/// The hash of a row.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AuditHash([u8; 32]);

impl AuditHash {
    /// What stands before the first row.
    pub const START: Self = Self([0; 32]);

    /// Takes a hash as it was stored.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes to store.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for AuditHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for AuditHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Hashes rows under the server's secret.
#[derive(Clone)]
pub struct AuditSealer(Hmac<Sha256>);

impl AuditSealer {
    /// Takes the server's secret, at least 32 bytes; what is made of it here serves for nothing else.
    pub fn new(secret: &[u8]) -> Result<Self, KeySecretTooShort> {
        if secret.len() < 32 {
            return Err(KeySecretTooShort);
        }
        let mut derived = Hmac::<Sha256>::new_from_slice(secret).map_err(|_| KeySecretTooShort)?;
        derived.update(b"outcrop audit chain v1");
        let derived = derived.finalize().into_bytes();
        Hmac::new_from_slice(&derived).map(Self).map_err(|_| KeySecretTooShort)
    }

    fn hash(&self, seq: u64, previous: &AuditHash, record: &str) -> AuditHash {
        let mut mac = self.0.clone();
        mac.update(&seq.to_be_bytes());
        mac.update(&previous.0);
        mac.update(record.as_bytes());
        AuditHash(mac.finalize().into_bytes().into())
    }
}

impl fmt::Debug for AuditSealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuditSealer(…)")
    }
}

/// An event on its way into the log. The store, which alone knows what stands before it, seals it within the
/// transaction of the change it tells of.
#[derive(Debug, Clone)]
pub struct AuditDraft {
    event: AuditEvent,
    sealer: AuditSealer,
}

impl AuditDraft {
    /// To be sealed by `sealer`.
    #[must_use]
    pub const fn new(event: AuditEvent, sealer: AuditSealer) -> Self {
        Self { event, sealer }
    }

    /// What happened.
    #[must_use]
    pub const fn event(&self) -> &AuditEvent {
        &self.event
    }

    /// The row, as number `seq` (from 1) behind the row with this hash.
    #[must_use]
    pub fn seal(&self, seq: u64, previous: AuditHash) -> AuditRow {
        // Only strings as keys and no fallible field: this cannot fail.
        let record = serde_json::to_string(&self.event).unwrap_or_default();
        AuditRow {
            seq,
            at: self.event.at,
            team: self.event.team,
            actor: self.event.actor.name(),
            action: self.event.action.clone(),
            target: self.event.target.clone(),
            outcome: self.event.outcome,
            hash: self.sealer.hash(seq, &previous, &record),
            previous,
            record,
        }
    }
}

/// A row of the log. All but `record`, `previous` and `hash` is there to search by, and repeats the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Its number; the first is 1, and none is left out.
    pub seq: u64,
    /// When.
    pub at: DateTime<Utc>,
    /// Whom it concerns.
    pub team: Option<TeamId>,
    /// Who, as [`Actor::name`].
    pub actor: String,
    /// What.
    pub action: String,
    /// On what.
    pub target: String,
    /// Whether it was done.
    pub outcome: AuditOutcome,
    /// The event as JSON, to the letter as it was hashed.
    pub record: String,
    /// The hash of the row before.
    pub previous: AuditHash,
    /// The hash of this row.
    pub hash: AuditHash,
}

/// What is wrong with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuditFault {
    /// The hash is not that of the record in this place.
    #[error("the row was changed or moved: its hash does not fit")]
    Hash,
    /// A column says something else than the record.
    #[error("the row was changed: its columns and its record differ")]
    Columns,
    /// The record does not read.
    #[error("the record does not read")]
    Unreadable,
}

impl AuditRow {
    /// The event, if the row is as it was sealed.
    pub fn read(&self, sealer: &AuditSealer) -> Result<AuditEvent, AuditFault> {
        if sealer.hash(self.seq, &self.previous, &self.record) != self.hash {
            return Err(AuditFault::Hash);
        }
        let event: AuditEvent = serde_json::from_str(&self.record).map_err(|_| AuditFault::Unreadable)?;
        let same = event.at == self.at
            && event.team == self.team
            && event.actor.name() == self.actor
            && event.action == self.action
            && event.target == self.target
            && event.outcome == self.outcome;
        if same { Ok(event) } else { Err(AuditFault::Columns) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealer() -> AuditSealer {
        AuditSealer::new(&[7; 32]).unwrap()
    }

    fn row() -> AuditRow {
        let at = DateTime::from_timestamp_nanos(1_767_225_600_123_456_789);
        let mut event = AuditEvent::done(Actor::CommandLine, "team.create", "team_1", at);
        event.after = Some(serde_json::json!({ "name": "a" }));
        AuditDraft::new(event, sealer()).seal(3, AuditHash::from_bytes([1; 32]))
    }

    #[test]
    fn a_row_reads_back_as_it_was_sealed() {
        let event = row().read(&sealer()).unwrap();
        assert_eq!((event.action.as_str(), event.at.timestamp_subsec_nanos()), ("team.create", 123_456_000));
    }

    #[test]
    fn whatever_is_touched_is_found() {
        let row = row();
        let faults = [
            AuditRow { record: row.record.replace("\"a\"", "\"b\""), ..row.clone() },
            AuditRow { seq: 4, ..row.clone() },
            AuditRow { previous: AuditHash::START, ..row.clone() },
            AuditRow { action: "team.delete".into(), ..row.clone() },
            AuditRow { outcome: AuditOutcome::Refused, ..row.clone() },
            AuditRow { hash: AuditHash::START, ..row.clone() },
        ];
        for fault in faults {
            assert!(fault.read(&sealer()).is_err(), "{fault:?}");
        }
        assert_eq!(row.read(&AuditSealer::new(&[8; 32]).unwrap()), Err(AuditFault::Hash));
    }
}
