//! How administrative operations fail.
//!
//! Making, changing and removing people, teams, accounts and keys all fail in the same few ways, so they share
//! one enum; each variant says what was wrong in words for whoever asked.

use std::borrow::Cow;

use outcrop_ports::PortError;
use outcrop_types::{Classify, ErrorCode, KeyId, Permission};

/// Why an administrative operation was not done.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// A field does not do.
    #[error("{message}")]
    Invalid {
        /// The field, as the API spells it.
        field: Cow<'static, str>,
        /// A sentence that names it.
        message: String,
    },
    /// The credential does not have the permission.
    #[error("this needs the permission `{permission}`, which this credential does not have")]
    Denied {
        /// The permission.
        permission: Permission,
    },
    /// The caller has the permission, but this goes beyond what it may do or give with it.
    #[error("{message}")]
    Beyond {
        /// The field that goes too far, if one does.
        field: Option<Cow<'static, str>>,
        /// A sentence for the caller.
        message: String,
    },
    /// It is not there, or it is another team's.
    #[error("there is no such {what}")]
    NotFound {
        /// What was looked for.
        what: &'static str,
        /// The field that named it, unless the path did.
        field: Option<&'static str>,
    },
    /// Something else has this name.
    #[error("there is a {what} with this name already")]
    Taken {
        /// What has it.
        what: &'static str,
    },
    /// The state of the thing does not allow this.
    #[error("{message}")]
    State {
        /// A sentence for the caller.
        message: String,
    },
    /// It was changed by somebody else since the caller, or this operation, read it.
    #[error("the {what} was changed meanwhile; read it again and repeat the change")]
    Stale {
        /// What was changed.
        what: &'static str,
    },
    /// The key was rotated before.
    #[error("the key was rotated before; `{by}` took its place")]
    Replaced {
        /// The key that took its place.
        by: KeyId,
    },
    /// The platform would be left without an admin who can act.
    #[error("this would leave the platform without an admin who can act; make another one first")]
    LastAdmin,
    /// The caller's own credential ended while it was used.
    #[error("the credential is not valid")]
    CredentialEnded,
    /// A store failed.
    #[error("could not {attempted}")]
    Store {
        /// What was attempted, to follow "could not".
        attempted: &'static str,
        /// How it failed.
        #[source]
        source: PortError,
    },
}

impl AdminError {
    pub(crate) fn invalid(field: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self::Invalid { field: field.into(), message: message.into() }
    }

    pub(crate) fn beyond(field: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self::Beyond { field: Some(field.into()), message: message.into() }
    }

    pub(crate) const fn not_found(what: &'static str) -> Self {
        Self::NotFound { what, field: None }
    }

    /// What the store's failure means here; for `map_err`.
    pub(crate) fn store(attempted: &'static str) -> impl Fn(PortError) -> Self {
        move |source| Self::Store { attempted, source }
    }

    /// Says which field named what is not there.
    pub(crate) fn named_by(self, name: &'static str) -> Self {
        match self {
            Self::NotFound { what, .. } => Self::NotFound { what, field: Some(name) },
            other => other,
        }
    }

    /// The field at fault, as the API spells it.
    #[must_use]
    pub fn param(&self) -> Option<&str> {
        match self {
            Self::Invalid { field, .. } => Some(field),
            Self::Beyond { field, .. } => field.as_deref(),
            Self::NotFound { field, .. } => *field,
            Self::Taken { .. } => Some("name"),
            Self::Stale { .. } => Some("revision"),
            _ => None,
        }
    }
}

impl Classify for AdminError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Invalid { .. } => ErrorCode::InvalidRequest,
            Self::Denied { .. } | Self::Beyond { .. } => ErrorCode::Forbidden,
            Self::NotFound { .. } => ErrorCode::NotFound,
            Self::Taken { .. }
            | Self::State { .. }
            | Self::Stale { .. }
            | Self::Replaced { .. }
            | Self::LastAdmin => ErrorCode::Conflict,
            Self::CredentialEnded => ErrorCode::Unauthenticated,
            Self::Store { source, .. } => source.code(),
        }
    }
}
