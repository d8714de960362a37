//! Who asks, and with what.

use outcrop_http::RequestContext;
use outcrop_policy::{Decision, Resource, decide};
use outcrop_types::{Permission, Principal};
use outcrop_wire::mcp::{ClientCapabilities, Implementation, LogLevel, Version};

/// On whose behalf a request is answered.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who asks.
    pub principal: Principal,
    /// The HTTP request that brought it. Of several messages in one body each has an id of its own.
    pub context: RequestContext,
}

impl Caller {
    /// Whether the caller has a permission, in its own team.
    #[must_use]
    pub fn may(&self, permission: Permission) -> bool {
        decide(&self.principal, permission, Resource::OwnTeam) == Decision::Allow
    }
}

/// The program that asks.
#[derive(Debug, Clone, PartialEq)]
pub struct Client {
    /// The revision it speaks.
    pub version: Version,
    /// Who it says it is.
    pub info: Implementation,
    /// What it offers.
    pub capabilities: ClientCapabilities,
    /// What it wants to be told of: this and worse. `None`: nothing.
    pub log_level: Option<LogLevel>,
}
