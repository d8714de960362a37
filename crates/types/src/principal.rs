//! Who acts, once a credential has been checked.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{KeyId, Limits, MalformedId, Role, Scope, ServiceAccountId, TeamId, UserId};

/// The person or program behind a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", content = "id", rename_all = "snake_case")]
pub enum Subject {
    /// A person.
    User(UserId),
    /// A program with an account of its own.
    ServiceAccount(ServiceAccountId),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => id.fmt(f),
            Self::ServiceAccount(id) => id.fmt(f),
        }
    }
}

impl FromStr for Subject {
    type Err = MalformedId;

    /// Reads `user_…` or `svc_…`.
    fn from_str(text: &str) -> Result<Self, MalformedId> {
        if let Ok(id) = text.parse() {
            return Ok(Self::ServiceAccount(id));
        }
        text.parse().map(Self::User)
    }
}

/// An authenticated caller: a subject acting for exactly one team in one role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Principal {
    /// The person or program.
    pub subject: Subject,
    /// The team it acts for.
    pub team: TeamId,
    /// What it is in that team.
    pub role: Role,
    /// The key it came with, if it came with one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyId>,
    /// Limits attached to the credential itself.
    #[serde(default, skip_serializing_if = "Limits::is_empty")]
    pub limits: Limits,
    /// What the credential is good for, out of what the role allows; `None` means all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Arc<Scope>>,
}

impl Principal {
    /// The scope, or one that narrows nothing.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        static ALL: Scope =
            Scope { permissions: None, routes: Vec::new(), models: Vec::new(), networks: Vec::new() };
        self.scope.as_deref().unwrap_or(&ALL)
    }
}
