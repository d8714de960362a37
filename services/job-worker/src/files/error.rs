//! Why something was not done with a file.

use outcrop_ports::PortError;
use outcrop_types::{Classify, ErrorCode};
use outcrop_wire::openai::files::InvalidRequest;

/// Why something was not done with a file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    /// A field is wrong.
    #[error("{message}")]
    Invalid {
        /// What is wrong.
        message: String,
        /// With which.
        param: Option<String>,
    },
    /// What came is no form.
    #[error("the body cannot be read as multipart/form-data")]
    Malformed,
    /// The body is of another type.
    #[error("the body must be multipart/form-data")]
    NoForm,
    /// It ended before its time: the client is gone.
    #[error("the body ends early")]
    Broken,
    /// Nothing came for too long.
    #[error("no byte came for {idle_ms} ms")]
    Idle {
        /// How long that is.
        idle_ms: u64,
    },
    /// It took too long as a whole.
    #[error("the upload took longer than {longest_ms} ms")]
    Slow {
        /// How long it may take.
        longest_ms: u64,
    },
    /// The team uploads too much at once.
    #[error("too many uploads of the team are under way")]
    TooManyOfTeam,
    /// All teams do.
    #[error("too many uploads are under way")]
    TooMany,
    /// It is too large.
    #[error("the file is larger than the {max} bytes that a file may have")]
    TooLarge {
        /// How large it may be.
        max: u64,
    },
    /// The team has no room for it.
    #[error("the files of the team take {used} of {quota} bytes: there is no room for this one")]
    OverQuota {
        /// What they take.
        used: u64,
        /// What they may take.
        quota: u64,
    },
    /// It is not what the client says that it sent.
    #[error("the SHA-256 of the file is not the one in `x-outcrop-sha256`")]
    OtherDigest,
    /// The team has no such file.
    #[error("there is no such file")]
    NoFile,
    /// A batch needs it.
    #[error("the file is the input of a batch that has not ended")]
    InUse,
    /// Its bytes are not here yet.
    #[error("the bytes of the file have not come yet")]
    Pending,
    /// Something else lies there.
    #[error("{found} bytes came of the {announced} that were announced")]
    OtherSize {
        /// How many came.
        found: u64,
        /// How many were announced.
        announced: u64,
    },
    /// Bytes go through us only.
    #[error(
        "files are kept where clients cannot reach them directly: use `/v1/files` and `/v1/files/{{file}}/content`"
    )]
    NoDirect,
    /// The store or the blobs failed.
    #[error("could not reach the files")]
    Port {
        /// How.
        #[source]
        source: PortError,
    },
}

impl FileError {
    /// A field that is wrong.
    pub(crate) fn invalid(param: &str, message: impl Into<String>) -> Self {
        Self::Invalid { message: message.into(), param: Some(param.to_owned()) }
    }

    /// Which field is at fault, if one is.
    pub(crate) fn param(&self) -> Option<&str> {
        match self {
            Self::Invalid { param, .. } => param.as_deref(),
            Self::TooLarge { .. } | Self::OverQuota { .. } => Some("file"),
            Self::OtherDigest => Some("x-outcrop-sha256"),
            Self::NoFile => Some("id"),
            _ => None,
        }
    }

    /// Whether others have to end first: the client is to come back.
    pub(crate) const fn is_busy(&self) -> bool {
        matches!(self, Self::TooManyOfTeam | Self::TooMany)
    }
}

impl Classify for FileError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Invalid { .. }
            | Self::Malformed
            | Self::Broken
            | Self::OtherDigest
            | Self::Pending
            | Self::OtherSize { .. }
            | Self::NoDirect => ErrorCode::InvalidRequest,
            Self::NoForm => ErrorCode::UnsupportedMediaType,
            Self::Idle { .. } | Self::Slow { .. } => ErrorCode::TooSlow,
            Self::TooManyOfTeam => ErrorCode::RateLimited,
            Self::TooMany => ErrorCode::Unavailable,
            Self::TooLarge { .. } => ErrorCode::PayloadTooLarge,
            Self::OverQuota { .. } => ErrorCode::Forbidden,
            Self::NoFile => ErrorCode::NotFound,
            Self::InUse => ErrorCode::Conflict,
            Self::Port { source } => source.code(),
        }
    }
}

impl From<PortError> for FileError {
    fn from(source: PortError) -> Self {
        Self::Port { source }
    }
}

impl From<InvalidRequest> for FileError {
    fn from(InvalidRequest { message, param }: InvalidRequest) -> Self {
        Self::Invalid { message, param }
    }
}
