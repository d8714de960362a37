//! Limits that can be attached to a credential.

use serde::{Deserialize, Serialize};

/// Ceilings on use; `None` means that no ceiling is set at this level.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Model calls in a sliding window of 60 seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u32>,
}

impl Limits {
    /// Whether nothing is limited.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.requests_per_minute.is_none()
    }
}
