//! Why a request is refused: the error of JSON-RPC.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{MessageId, Version};

/// The codes of JSON-RPC 2.0, and those that the protocol defines (2026-07-28, "Error Codes").
pub mod code {
    /// The body is no JSON.
    pub const PARSE_ERROR: i64 = -32700;
    /// The body is no message.
    pub const INVALID_REQUEST: i64 = -32600;
    /// There is no such method.
    pub const METHOD_NOT_FOUND: i64 = -32601;
    /// A parameter is wrong or missing; unknown tools, prompts and (modern) resources too.
    pub const INVALID_PARAMS: i64 = -32602;
    /// Our fault.
    pub const INTERNAL_ERROR: i64 = -32603;
    /// There is no such resource (until 2025-11-25).
    pub const RESOURCE_NOT_FOUND: i64 = -32002;
    /// The headers do not say what the body says (2026-07-28).
    pub const HEADER_MISMATCH: i64 = -32020;
    /// The client lacks what the request needs (2026-07-28).
    pub const MISSING_CAPABILITY: i64 = -32021;
    /// The revision is not spoken here (2026-07-28).
    pub const UNSUPPORTED_VERSION: i64 = -32022;
}

/// A refusal. What it says is for the client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RpcError {
    /// One of [`code`], or, for refusals of the platform, the HTTP status: that part of the numbers is left to applications.
    pub code: i64,
    /// A sentence for people.
    pub message: Cow<'static, str>,
    /// More, for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
}

impl RpcError {
    /// A refusal without data.
    #[must_use]
    pub fn new(code: i64, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), data: None }
    }

    /// With data.
    #[must_use]
    pub fn with_data(self, data: Value) -> Self {
        Self { data: Some(data), ..self }
    }

    /// A parameter is wrong; names it.
    #[must_use]
    pub fn invalid_params(param: &str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(code::INVALID_PARAMS, message).with_data(json!({ "param": param }))
    }

    /// There is no such method.
    #[must_use]
    pub fn method_not_found(method: &str) -> Self {
        let message = format!("there is no method `{}` here", clipped(method));
        Self::new(code::METHOD_NOT_FOUND, message).with_data(json!({ "method": clipped(method) }))
    }

    /// There is no such resource, in the words of the revision.
    #[must_use]
    pub fn no_resource(version: Version, uri: &str) -> Self {
        let code = match version {
            Version::V2026_07_28 => code::INVALID_PARAMS,
            _ => code::RESOURCE_NOT_FOUND,
        };
        Self::new(code, "there is no such resource").with_data(json!({ "uri": clipped(uri) }))
    }

    /// The headers do not say what the body says.
    #[must_use]
    pub fn header_mismatch(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(code::HEADER_MISMATCH, message)
    }

    /// The client does not offer what is needed: `{"elicitation": {}}`.
    #[must_use]
    pub fn missing_capability(required: &Value) -> Self {
        Self::new(code::MISSING_CAPABILITY, "the client does not offer what this needs")
            .with_data(json!({ "requiredCapabilities": required }))
    }

    /// The revision is not spoken here; names those that are.
    #[must_use]
    pub fn unsupported_version(requested: &str) -> Self {
        let supported = Version::ALL.map(Version::name);
        Self::new(code::UNSUPPORTED_VERSION, "this revision of the protocol is not spoken here")
            .with_data(json!({ "supported": supported, "requested": clipped(requested) }))
    }

    /// The HTTP status that goes with it, where it is the whole answer of a modern request, or of a legacy one that could not
    /// be read.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self.code {
            code::METHOD_NOT_FOUND => 404,
            code::INTERNAL_ERROR => 500,
            400..=599 => self.code as u16,
            _ => 400,
        }
    }
}

/// What a client said, short enough to be said back.
fn clipped(text: &str) -> String {
    const MOST: usize = 256;
    text.chars().take(MOST).collect()
}

/// A message that cannot be read, and its id if that could be.
impl From<(Option<MessageId>, RpcError)> for super::Malformed {
    fn from((id, error): (Option<MessageId>, RpcError)) -> Self {
        Self { id, error: Box::new(error) }
    }
}
