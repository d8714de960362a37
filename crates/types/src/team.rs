//! Teams and the people in them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{TeamId, UserId};

/// A team: owns keys, limits and data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Team {
    /// Its id.
    pub id: TeamId,
    /// Its name, unique on the platform.
    pub name: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// The name to log in with, unique on the platform.
    pub name: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}
