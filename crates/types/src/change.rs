//! What changed, as replicas tell each other: about credentials, mostly.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{KeyId, SessionId, Subject, TeamId};

/// Something on which the answer to "who shows this credential?" may depend. Whoever remembers such answers
/// forgets those it touches.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "what", content = "id", rename_all = "snake_case")]
pub enum Change {
    /// A key.
    Key(KeyId),
    /// A person or program: disabled, deleted, or of another role in some team.
    Subject(Subject),
    /// A team.
    Team(TeamId),
    /// A login.
    Session(SessionId),
    /// Some policy: how much somebody may use. Answers about credentials do not depend on it.
    Policies,
    /// The routes: where calls of models go. Answers about credentials do not depend on it.
    Routes,
    /// What every process logs. Answers about credentials do not depend on it.
    Log {
        /// The filter, as a setting writes it; with none each process goes back to that of its settings.
        filter: Option<String>,
        /// When each goes back by itself.
        until: DateTime<Utc>,
    },
    /// More than can be named: forget all.
    Everything,
}
