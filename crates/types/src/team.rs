//! Teams, the people in them, and the programs that act for them.
//!
//! `revision` counts changes: a change names the one it was made from, so that of two at once one learns of
//! the other.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{Role, ServiceAccountId, TeamId, UserId};

/// A team: owns keys, limits and data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Team {
    /// Its id.
    pub id: TeamId,
    /// Its name, unique on the platform.
    pub name: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Since when nobody acts for it, if so.
    pub disabled_at: Option<DateTime<Utc>>,
    /// How often it was changed.
    pub revision: u32,
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// The name to log in with, unique on the platform.
    pub name: String,
    /// Where to write to, if known. For people; nothing is decided by it.
    pub email: Option<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Since when this person is kept out, if so.
    pub disabled_at: Option<DateTime<Utc>>,
    /// How often it was changed.
    pub revision: u32,
}

/// Who is what in which team. A user can be in several, with a role in each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// The person.
    pub user: UserId,
    /// The team.
    pub team: TeamId,
    /// What the person is there. [`Role::PlatformAdmin`] in any team means so in all of them.
    pub role: Role,
    /// Since when.
    pub created_at: DateTime<Utc>,
}

/// A program with an account of its own, in one team.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceAccount {
    /// Its id.
    pub id: ServiceAccountId,
    /// The team it acts for.
    pub team: TeamId,
    /// Its name, unique in its team.
    pub name: String,
    /// What it is in its team.
    pub role: Role,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Since when it is kept out, if so.
    pub disabled_at: Option<DateTime<Utc>>,
    /// How often it was changed.
    pub revision: u32,
}
