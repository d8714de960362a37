//! Who acts, once a credential has been checked.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{KeyId, Limits, Role, ServiceAccountId, TeamId, UserId};

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
}
