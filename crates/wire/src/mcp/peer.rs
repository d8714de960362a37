//! Who speaks with whom, and what a client offers.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A client or a server, by name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Implementation {
    /// For programs: `outcrop`.
    #[serde(default)]
    pub name: String,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Its version.
    #[serde(default)]
    pub version: String,
}

/// What a client offers to servers. What it says beside is of no use here, and is let go.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ClientCapabilities {
    /// It answers `sampling/createMessage`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampling: Option<Map<String, Value>>,
    /// It answers `elicitation/create`: `{form, url}`; with neither of them, forms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elicitation: Option<Map<String, Value>>,
    /// It answers `roots/list`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roots: Option<Map<String, Value>>,
}

impl ClientCapabilities {
    /// Whether it shows forms to its user.
    #[must_use]
    pub fn takes_forms(&self) -> bool {
        self.elicitation.as_ref().is_some_and(|it| it.contains_key("form") || !it.contains_key("url"))
    }
}
