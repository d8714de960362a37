//! The exceptions of Bedrock, with the status, header and body the real service gives them.

use std::borrow::Cow;

/// One of the exception shapes of the Bedrock APIs (botocore model of `bedrock-runtime` and `bedrock`),
/// and the few that the AWS front end answers before an operation is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exception {
    AccessDenied,
    Validation,
    ResourceNotFound,
    Throttling,
    ModelNotReady,
    ModelTimeout,
    ModelError,
    ModelStreamError,
    ServiceQuotaExceeded,
    InternalServer,
    ServiceUnavailable,
    Serialization,
    UnknownOperation,
    MissingAuthenticationToken,
    InvalidSignature,
    RequestTooLarge,
    Conflict,
}

impl Exception {
    /// HTTP status, as the service model states it.
    pub(crate) fn status(self) -> u16 {
        match self {
            Self::AccessDenied | Self::MissingAuthenticationToken | Self::InvalidSignature => 403,
            Self::Validation | Self::ServiceQuotaExceeded | Self::Serialization | Self::Conflict => 400,
            Self::ResourceNotFound | Self::UnknownOperation => 404,
            Self::Throttling | Self::ModelNotReady => 429,
            Self::ModelTimeout => 408,
            Self::ModelError | Self::ModelStreamError => 424,
            Self::InternalServer => 500,
            Self::ServiceUnavailable => 503,
            Self::RequestTooLarge => 413,
        }
    }

    /// The shape's name: what `x-amzn-errortype` carries and SDKs map to an exception class.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::AccessDenied => "AccessDeniedException",
            Self::Validation => "ValidationException",
            Self::ResourceNotFound => "ResourceNotFoundException",
            Self::Throttling => "ThrottlingException",
            Self::ModelNotReady => "ModelNotReadyException",
            Self::ModelTimeout => "ModelTimeoutException",
            Self::ModelError => "ModelErrorException",
            Self::ModelStreamError => "ModelStreamErrorException",
            Self::ServiceQuotaExceeded => "ServiceQuotaExceededException",
            Self::InternalServer => "InternalServerException",
            Self::ServiceUnavailable => "ServiceUnavailableException",
            Self::Serialization => "SerializationException",
            Self::UnknownOperation => "UnknownOperationException",
            Self::MissingAuthenticationToken => "MissingAuthenticationTokenException",
            Self::InvalidSignature => "InvalidSignatureException",
            Self::RequestTooLarge => "RequestEntityTooLargeException",
            Self::Conflict => "ConflictException",
        }
    }

    /// The name of the member of the event stream that carries it in mid-stream (first letter small).
    pub(crate) fn stream_member(self) -> String {
        let name = self.name();
        name[..1].to_ascii_lowercase() + &name[1..]
    }
}

/// Why a request is not answered.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) exception: Exception,
    pub(crate) message: Cow<'static, str>,
}

impl Refusal {
    pub(crate) fn new(exception: Exception, message: impl Into<Cow<'static, str>>) -> Self {
        Self { exception, message: message.into() }
    }

    /// The one Bedrock gives for nearly everything a caller got wrong.
    pub(crate) fn validation(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Exception::Validation, message)
    }

    /// A member outside the limits of the service model; `path` counts list members from 1, as the
    /// real messages do.
    pub(crate) fn constraint(path: &str, value: Option<&str>, constraint: &str) -> Self {
        let value = value.map_or_else(|| "Value null".to_owned(), |it| format!("Value '{}'", clip(it)));
        Self::validation(format!(
            "1 validation error detected: {value} at '{path}' failed to satisfy constraint: {constraint}"
        ))
    }

    /// A member that must be there and is not.
    pub(crate) fn missing(path: &str) -> Self {
        Self::constraint(path, None, "Member must not be null")
    }

    /// What the model itself, rather than Bedrock in front of it, refuses.
    pub(crate) fn model(message: impl std::fmt::Display) -> Self {
        Self::validation(format!("The model returned the following errors: {message}"))
    }

    /// The JSON body of the answer.
    pub(crate) fn body(&self) -> Vec<u8> {
        let mut body = br#"{"message":"#.to_vec();
        crate::json::string(&mut body, &self.message);
        if matches!(self.exception, Exception::ModelError | Exception::ModelStreamError) {
            body.extend_from_slice(br#","originalStatusCode":500"#);
        }
        body.push(b'}');
        body
    }
}

/// Long values are not repeated whole in a message.
fn clip(value: &str) -> &str {
    let end = value.char_indices().nth(80).map_or(value.len(), |(at, _)| at);
    &value[..end]
}
