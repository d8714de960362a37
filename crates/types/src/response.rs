//! An answer of the Responses API that is kept for its client to come back to.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{ResponseId, TeamId};

/// A kept answer. JSON is as its dialect writes it; only `wire` looks inside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredResponse {
    /// Its id.
    pub id: ResponseId,
    /// Whose it is; nobody else's answers exist.
    pub team: TeamId,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it is forgotten.
    pub expires_at: DateTime<Utc>,
    /// The response object, as it was answered.
    pub response: Value,
    /// What it answered: an array of input items, those of the responses before it included, so that a conversation is
    /// continued by one lookup.
    pub input: Value,
}
