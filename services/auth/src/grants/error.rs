//! Why a token request was refused, in OAuth's words.

use std::time::Duration;

use outcrop_ports::{PortError, Refused, Why};
use outcrop_types::{Classify, ErrorCode};

use crate::federation::AwsIamError;
use crate::login::LoginError;
use crate::tokens::IssueError;

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GrantError {
    /// The request itself is wrong.
    #[error("{message}")]
    Request {
        /// The parameter at fault.
        param: Option<&'static str>,
        /// A sentence that names it.
        message: String,
    },
    /// No such grant.
    #[error("`{0}` is no grant type here; there are password, refresh_token, client_credentials and aws_iam")]
    GrantType(String),
    /// More than there is to give, or nothing that there is.
    #[error("{message}")]
    Scope {
        /// A sentence that names the permission.
        message: String,
    },
    /// The token is asked for somebody else.
    #[error("`resource` is not an address of this server; tokens from here are good here only")]
    Target,
    /// Whoever asks is not the client that it says.
    #[error("the client's id or secret is wrong")]
    Client {
        /// What the log says.
        #[source]
        why: Why,
    },
    /// The refresh token is not good, whatever is wrong with it.
    #[error("the refresh token is not valid")]
    Refresh {
        /// What the log says.
        #[source]
        why: Why,
    },
    /// Name and password led nowhere.
    #[error("{source}")]
    Login {
        /// Why.
        source: LoginError,
    },
    /// AWS credentials led nowhere.
    #[error("{source}")]
    Aws {
        /// Why.
        source: AwsIamError,
    },
    /// The token could not be made.
    #[error("{source}")]
    Issue {
        /// Why.
        source: IssueError,
    },
    /// A store failed.
    #[error("could not check the credential")]
    Store {
        /// How.
        #[source]
        source: PortError,
    },
}

impl GrantError {
    pub(crate) fn request(param: Option<&'static str>, message: impl Into<String>) -> Self {
        Self::Request { param, message: message.into() }
    }

    pub(crate) fn refresh(why: &'static str) -> Self {
        Self::Refresh { why: Why(why.into()) }
    }

    pub(crate) fn client(why: &'static str) -> Self {
        Self::Client { why: Why(why.into()) }
    }

    /// The word of RFC 6749, section 5.2; `None` where the code has one of its own.
    pub(crate) const fn reason(&self) -> Option<&'static str> {
        match self {
            Self::Request { .. } => Some("invalid_request"),
            Self::GrantType(_) => Some("unsupported_grant_type"),
            Self::Scope { .. } => Some("invalid_scope"),
            // RFC 8707, section 2.
            Self::Target => Some("invalid_target"),
            Self::Client { .. } => Some("invalid_client"),
            Self::Refresh { .. }
            | Self::Login { source: LoginError::Refused { .. } }
            | Self::Aws { source: AwsIamError::Denied { .. } } => Some("invalid_grant"),
            _ => None,
        }
    }

    /// The parameter at fault.
    pub(crate) const fn param(&self) -> Option<&'static str> {
        match self {
            Self::Request { param, .. } => *param,
            Self::GrantType(_) => Some("grant_type"),
            Self::Scope { .. } => Some("scope"),
            Self::Target => Some("resource"),
            Self::Login { source: LoginError::WhichTeam } => Some("team"),
            _ => None,
        }
    }

    /// When to come back.
    pub(crate) const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Login { source } => source.retry_after(),
            Self::Aws { source } => source.retry_after(),
            _ => None,
        }
    }
}

impl Classify for GrantError {
    fn code(&self) -> ErrorCode {
        match self {
            // RFC 6749 has a 400 for a grant that is not good, and a 401 for a client that is not who it says.
            Self::Request { .. }
            | Self::GrantType(_)
            | Self::Scope { .. }
            | Self::Target
            | Self::Refresh { .. }
            | Self::Login { source: LoginError::Refused { .. } }
            | Self::Aws { source: AwsIamError::Denied { .. } } => ErrorCode::InvalidRequest,
            Self::Client { .. } => ErrorCode::Unauthenticated,
            Self::Login { source } => source.code(),
            Self::Aws { source } => source.code(),
            Self::Issue { source } => source.code(),
            Self::Store { source } => source.code(),
        }
    }
}

impl From<LoginError> for GrantError {
    fn from(source: LoginError) -> Self {
        Self::Login { source }
    }
}

impl From<AwsIamError> for GrantError {
    fn from(source: AwsIamError) -> Self {
        Self::Aws { source }
    }
}

impl From<IssueError> for GrantError {
    fn from(source: IssueError) -> Self {
        Self::Issue { source }
    }
}

impl From<PortError> for GrantError {
    fn from(source: PortError) -> Self {
        Self::Store { source }
    }
}

/// A client's own credential, checked like any other.
impl From<Refused> for GrantError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Invalid { why } => Self::Client { why },
            Refused::Unknown { source } => Self::Store { source },
        }
    }
}
