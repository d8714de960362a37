//! What is remembered of one credential, and which changes it depends on.

use std::time::Duration;

use chrono::{DateTime, Utc};
use outcrop_ports::{Authenticated, Credential, Why};
use outcrop_types::{Change, KeyId, Principal, SessionId};

use super::memory::Ranked;

/// A credential that was good when it was last checked.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) principal: Principal,
    pub(super) expires_at: Option<DateTime<Utc>>,
    session: Option<SessionId>,
    /// When the check that said so began; of the monotonic clock.
    pub(super) checked_at: Duration,
    /// Set while it cannot be confirmed: when to try again.
    pub(super) retry_at: Option<Duration>,
}

impl Known {
    pub(super) fn new(found: Authenticated, checked_at: Duration) -> Self {
        let Authenticated { principal, expires_at, session } = found;
        Self { principal, expires_at, session, checked_at, retry_at: None }
    }

    /// Whether it has ended by itself.
    pub(super) fn has_ended(&self, now: impl FnOnce() -> DateTime<Utc>) -> bool {
        self.expires_at.is_some_and(|at| at <= now())
    }

    /// Whether the answer may be another after this change.
    pub(super) fn depends_on(&self, change: &Change) -> bool {
        match change {
            Change::Key(id) => self.principal.key.as_ref() == Some(id),
            Change::Subject(subject) => self.principal.subject == *subject,
            Change::Team(team) => self.principal.team == *team,
            Change::Session(session) => self.session == Some(*session),
            Change::Policies | Change::Routes | Change::Log { .. } => false,
            Change::Everything => true,
        }
    }
}

impl Ranked for Known {
    /// What is in use is checked again and again.
    fn rank(&self) -> Duration {
        self.checked_at
    }
}

/// A credential that was not good when it was last checked.
#[derive(Clone)]
pub(super) struct Bad {
    pub(super) why: Why,
    /// When the check that said so began; of the monotonic clock.
    pub(super) checked_at: Duration,
    key: Option<KeyId>,
}

impl Bad {
    pub(super) fn new(credential: &Credential, why: Why, checked_at: Duration) -> Self {
        let key = match credential {
            Credential::ApiKey(key) => Some(key.id().clone()),
            Credential::Token(_) | Credential::Session(_) | Credential::Static(_) => None,
        };
        Self { why, checked_at, key }
    }

    /// Whether the answer may be another after this change. Whose credential it would be is not known: only what
    /// becomes of another key is certainly of no concern to it.
    pub(super) fn depends_on(&self, change: &Change) -> bool {
        match (change, &self.key) {
            (Change::Key(id), Some(key)) => id == key,
            (Change::Log { .. }, _) => false,
            _ => true,
        }
    }
}

impl Ranked for Bad {
    fn rank(&self) -> Duration {
        self.checked_at
    }
}
