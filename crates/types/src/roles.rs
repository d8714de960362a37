//! Roles and permissions: the words. What a role may do is decided in `policy`, and only there.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a principal is within its team (or, for the first, over the whole platform).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Runs the platform; may do everything.
    PlatformAdmin,
    /// Runs one team.
    TeamAdmin,
    /// Builds on models.
    Developer,
    /// Looks, and changes nothing.
    Viewer,
    /// A program: calls models and works jobs.
    Service,
}

/// A role name that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a role; roles are platform_admin, team_admin, developer, viewer, service")]
pub struct UnknownRole(String);

impl Role {
    /// Every role, most powerful first.
    pub const ALL: [Self; 5] =
        [Self::PlatformAdmin, Self::TeamAdmin, Self::Developer, Self::Viewer, Self::Service];

    /// The name used in the API, the database and the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PlatformAdmin => "platform_admin",
            Self::TeamAdmin => "team_admin",
            Self::Developer => "developer",
            Self::Viewer => "viewer",
            Self::Service => "service",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL
            .into_iter()
            .find(|role| role.name() == text)
            .ok_or_else(|| UnknownRole(text.chars().take(80).collect()))
    }
}

/// A verb on a noun. Routes ask for one of these, never for a role. In JSON it is its scope name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Permission {
    /// Call a model.
    InvokeModel,
    /// See which models there are.
    ReadModels,
    /// Submit and cancel asynchronous work.
    WriteJobs,
    /// See asynchronous work and its results.
    ReadJobs,
    /// Create, list and revoke keys.
    ManageKeys,
    /// See what was used.
    ReadUsage,
    /// Change a team and its members.
    ManageTeam,
    /// Change the platform.
    ManagePlatform,
    /// Use the MCP endpoint.
    UseMcp,
    /// Read the audit log.
    ReadAudit,
}

impl Permission {
    /// Every permission.
    pub const ALL: [Self; 10] = [
        Self::InvokeModel,
        Self::ReadModels,
        Self::WriteJobs,
        Self::ReadJobs,
        Self::ManageKeys,
        Self::ReadUsage,
        Self::ManageTeam,
        Self::ManagePlatform,
        Self::UseMcp,
        Self::ReadAudit,
    ];

    /// The scope name of this permission, as tokens and error messages spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::InvokeModel => "inference:invoke",
            Self::ReadModels => "models:read",
            Self::WriteJobs => "jobs:write",
            Self::ReadJobs => "jobs:read",
            Self::ManageKeys => "keys:manage",
            Self::ReadUsage => "usage:read",
            Self::ManageTeam => "team:manage",
            Self::ManagePlatform => "platform:manage",
            Self::UseMcp => "mcp:use",
            Self::ReadAudit => "audit:read",
        }
    }
}

/// A permission name that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a permission; `GET /admin/v1/roles` lists them")]
pub struct UnknownPermission(String);

impl FromStr for Permission {
    type Err = UnknownPermission;

    fn from_str(text: &str) -> Result<Self, UnknownPermission> {
        Self::ALL
            .into_iter()
            .find(|permission| permission.name() == text)
            .ok_or_else(|| UnknownPermission(text.chars().take(80).collect()))
    }
}

impl TryFrom<String> for Permission {
    type Error = UnknownPermission;

    fn try_from(text: String) -> Result<Self, UnknownPermission> {
        text.parse()
    }
}

impl From<Permission> for String {
    fn from(permission: Permission) -> Self {
        permission.name().to_owned()
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
