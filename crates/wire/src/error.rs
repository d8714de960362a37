//! How a failure reads in each dialect.
//!
//! One [`ErrorBody`] in, the dialect's own JSON out. The HTTP status is [`ErrorCode::status`], but in Bedrock's dialect
//! that of its exception. Shapes: OpenAI and Anthropic API references (errors), RFC 9457 for our own, Smithy's REST-JSON
//! protocol (`x-amzn-errortype`) for Bedrock, JSON-RPC 2.0 for MCP, RFC 6749 section 5.2 for OAuth.

use std::fmt;

use outcrop_chat::InvalidRequest;
use outcrop_types::ErrorCode;
use serde::Serialize;

use crate::Dialect;

/// A failure as it is told to a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorBody {
    /// Which of the closed list of failures it is.
    pub code: ErrorCode,
    /// A sentence for people; it holds no secret and nothing of our insides.
    pub message: String,
    /// The field at fault, in the client's spelling: `messages[2].content`.
    pub param: Option<String>,
    /// The request's id, to be quoted in a support case.
    pub request_id: Option<String>,
}

/// The word of a budget that is spent: OpenAI's `type` and `code` of a 429 that waiting does not help. Bedrock's dialect says
/// `ServiceQuotaExceededException`.
pub const INSUFFICIENT_QUOTA: &str = "insufficient_quota";

/// The word of what is larger than a limit as a whole: trying again is of no use. In Bedrock's dialect only, where the SDKs
/// would try again whatever the headers of a `ThrottlingException` say.
pub const NEVER_FITS: &str = "ServiceQuotaExceededException";

/// Which limit has no room, for programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LimitFacts {
    /// Whose it is: `key`, `user`, `team`, `platform`.
    pub level: &'static str,
    /// What is limited: `requests`, `tokens`, `concurrency`, `money`.
    pub kind: &'static str,
    /// How much, with its unit: `60 requests per minute`.
    pub limit: String,
    /// When it has room again, RFC 3339, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reset: Option<String>,
}

impl fmt::Display for LimitFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no room in a limit of {} at the level {}: {}", self.kind, self.level, self.limit)
    }
}

impl std::error::Error for LimitFacts {}

impl From<InvalidRequest> for ErrorBody {
    fn from(error: InvalidRequest) -> Self {
        Self { code: ErrorCode::InvalidRequest, message: error.message, param: error.param, request_id: None }
    }
}

/// What a stream ends with whose model did not answer as it should.
pub(crate) fn broken(message: &str) -> ErrorBody {
    ErrorBody { code: ErrorCode::Upstream, message: message.into(), param: None, request_id: None }
}

/// An error's body and what goes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The HTTP status.
    pub status: u16,
    /// The `content-type` header.
    pub content_type: &'static str,
    /// JSON.
    pub body: Vec<u8>,
    /// Further headers of the dialect; names are lower case.
    pub headers: Vec<(&'static str, String)>,
}

/// Writes a failure in a dialect's words.
#[must_use]
pub fn render(dialect: Dialect, error: &ErrorBody) -> Rendered {
    render_with(dialect, error, None)
}

/// The same with a word that says more than the code, where the dialect has such words: OAuth's
/// `invalid_grant`, OpenAI's `previous_response_not_found`, Bedrock's `ModelNotReadyException`. The other dialects leave it out.
#[must_use]
pub fn render_with(dialect: Dialect, error: &ErrorBody, reason: Option<&'static str>) -> Rendered {
    render_limit(dialect, error, reason, None)
}

/// The same of a limit without room; our own dialect says in members of their own which one it is.
#[must_use]
pub fn render_limit(
    dialect: Dialect,
    error: &ErrorBody,
    reason: Option<&'static str>,
    limit: Option<&LimitFacts>,
) -> Rendered {
    match dialect {
        Dialect::OpenAi => json(error, &openai(error, reason), Vec::new()),
        Dialect::Outcrop => Rendered {
            status: error.code.status(),
            content_type: "application/problem+json",
            body: to_vec(&Problem { limit, ..Problem::from(error) }),
            headers: Vec::new(),
        },
        Dialect::Anthropic => json(error, &anthropic(error), id_header("request-id", error)),
        Dialect::Bedrock => {
            let mut headers = id_header("x-amzn-requestid", error);
            let exception = match reason {
                Some(INSUFFICIENT_QUOTA) => Some("ServiceQuotaExceededException"),
                reason => reason.filter(|it| it.ends_with("Exception")),
            };
            let exception = exception.unwrap_or_else(|| bedrock_type(error.code));
            headers.push(("x-amzn-errortype", exception.to_owned()));
            let rendered = json(error, &BedrockError { message: &with_param(error) }, headers);
            Rendered { status: bedrock_status(exception).unwrap_or(rendered.status), ..rendered }
        }
        Dialect::Mcp => json(error, &mcp(error), Vec::new()),
        Dialect::OAuth => json(error, &oauth(error, reason), Vec::new()),
    }
}

fn json(error: &ErrorBody, body: &impl Serialize, headers: Vec<(&'static str, String)>) -> Rendered {
    Rendered { status: error.code.status(), content_type: "application/json", body: to_vec(body), headers }
}

/// The structs below have only string keys and no fallible field, so that this cannot fail.
pub(crate) fn to_vec(body: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(body).unwrap_or_default()
}

fn id_header(name: &'static str, error: &ErrorBody) -> Vec<(&'static str, String)> {
    error.request_id.iter().map(|id| (name, id.clone())).collect()
}

/// The message for dialects that have no place of their own for the field's name.
fn with_param(error: &ErrorBody) -> String {
    match &error.param {
        Some(param) if !error.message.contains(param.as_str()) => format!("{param}: {}", error.message),
        _ => error.message.clone(),
    }
}

// === OpenAI ===

#[derive(Serialize)]
struct OpenAiError<'a> {
    error: OpenAiDetail<'a>,
}

#[derive(Serialize)]
struct OpenAiDetail<'a> {
    message: &'a str,
    r#type: &'static str,
    param: Option<&'a str>,
    code: Option<&'static str>,
}

fn openai<'a>(error: &'a ErrorBody, reason: Option<&'static str>) -> OpenAiError<'a> {
    let (r#type, code) = openai_words(error.code);
    let r#type = if reason == Some(INSUFFICIENT_QUOTA) { INSUFFICIENT_QUOTA } else { r#type };
    // Bedrock's words are no codes of OpenAI's.
    let code = reason.filter(|it| !it.ends_with("Exception")).or(code);
    OpenAiError {
        error: OpenAiDetail { message: &error.message, r#type, param: error.param.as_deref(), code },
    }
}

/// OpenAI's `type` and `code`.
const fn openai_words(code: ErrorCode) -> (&'static str, Option<&'static str>) {
    match code {
        ErrorCode::InvalidRequest | ErrorCode::NotFound => ("invalid_request_error", None),
        ErrorCode::Unauthenticated => ("invalid_request_error", Some("invalid_api_key")),
        ErrorCode::Forbidden => ("permission_error", Some("permission_denied")),
        ErrorCode::ModelNotFound => ("invalid_request_error", Some("model_not_found")),
        ErrorCode::MethodNotAllowed => ("invalid_request_error", Some("method_not_supported")),
        ErrorCode::TooSlow => ("invalid_request_error", Some("request_timeout")),
        ErrorCode::Conflict => ("invalid_request_error", Some("conflict")),
        ErrorCode::Gone => ("invalid_request_error", Some("gone")),
        ErrorCode::PayloadTooLarge => ("invalid_request_error", Some("request_too_large")),
        ErrorCode::UnsupportedMediaType => ("invalid_request_error", Some("unsupported_media_type")),
        ErrorCode::RateLimited => ("rate_limit_error", Some("rate_limit_exceeded")),
        ErrorCode::Internal => ("server_error", None),
        ErrorCode::Upstream => ("server_error", Some("upstream_error")),
        ErrorCode::Unavailable => ("server_error", Some("service_unavailable")),
        ErrorCode::Timeout => ("server_error", Some("timeout")),
    }
}

// === Outcrop ===

/// RFC 9457 problem details; also the data of `/generate`'s `error` event.
#[derive(Serialize)]
pub(crate) struct Problem<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    param: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    limit: Option<&'a LimitFacts>,
}

impl<'a> From<&'a ErrorBody> for Problem<'a> {
    fn from(error: &'a ErrorBody) -> Self {
        Self {
            r#type: format!("urn:outcrop:error:{}", error.code.name()),
            title: title(error.code),
            status: error.code.status(),
            detail: &error.message,
            code: error.code.name(),
            param: error.param.as_deref(),
            request_id: error.request_id.as_deref(),
            limit: None,
        }
    }
}

/// The same for every occurrence of a code, as RFC 9457 asks.
const fn title(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::InvalidRequest => "The request is not valid",
        ErrorCode::Unauthenticated => "The credential is missing or not valid",
        ErrorCode::Forbidden => "Not allowed",
        ErrorCode::NotFound => "Not found",
        ErrorCode::ModelNotFound => "No such model",
        ErrorCode::MethodNotAllowed => "Method not allowed",
        ErrorCode::TooSlow => "The body did not arrive in time",
        ErrorCode::Conflict => "Conflict",
        ErrorCode::Gone => "Gone",
        ErrorCode::PayloadTooLarge => "The body is too large",
        ErrorCode::UnsupportedMediaType => "Unsupported media type",
        ErrorCode::RateLimited => "A limit is reached",
        ErrorCode::Internal => "Internal error",
        ErrorCode::Upstream => "The model failed",
        ErrorCode::Unavailable => "Not available now",
        ErrorCode::Timeout => "The model did not answer in time",
    }
}

// === Anthropic ===

#[derive(Serialize)]
struct AnthropicError<'a> {
    r#type: &'static str,
    error: AnthropicDetail,
    request_id: Option<&'a str>,
}

#[derive(Serialize)]
struct AnthropicDetail {
    r#type: &'static str,
    message: String,
}

/// Anthropic's `type` for each code. Anthropic itself answers `overloaded_error` with the status 529; here it comes with
/// the 503 of every other dialect, which proxies know, and its SDKs retry both alike.
fn anthropic(error: &ErrorBody) -> AnthropicError<'_> {
    let r#type = match error.code {
        ErrorCode::InvalidRequest
        | ErrorCode::MethodNotAllowed
        | ErrorCode::TooSlow
        | ErrorCode::UnsupportedMediaType => "invalid_request_error",
        ErrorCode::Unauthenticated => "authentication_error",
        ErrorCode::Forbidden => "permission_error",
        ErrorCode::NotFound | ErrorCode::ModelNotFound | ErrorCode::Gone => "not_found_error",
        ErrorCode::Conflict => "conflict_error",
        ErrorCode::PayloadTooLarge => "request_too_large",
        ErrorCode::RateLimited => "rate_limit_error",
        ErrorCode::Internal | ErrorCode::Upstream => "api_error",
        ErrorCode::Unavailable => "overloaded_error",
        ErrorCode::Timeout => "timeout_error",
    };
    let detail = AnthropicDetail { r#type, message: with_param(error) };
    AnthropicError { r#type: "error", error: detail, request_id: error.request_id.as_deref() }
}

// === Bedrock ===

#[derive(Serialize)]
struct BedrockError<'a> {
    message: &'a str,
}

/// The exception that the AWS SDKs decode. A refused credential is `UnrecognizedClientException`, as on AWS.
const fn bedrock_type(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::InvalidRequest
        | ErrorCode::TooSlow
        | ErrorCode::PayloadTooLarge
        | ErrorCode::UnsupportedMediaType => "ValidationException",
        ErrorCode::Unauthenticated => "UnrecognizedClientException",
        ErrorCode::Forbidden => "AccessDeniedException",
        ErrorCode::ModelNotFound | ErrorCode::Gone => "ResourceNotFoundException",
        // AWS's word for a path where nothing is.
        ErrorCode::NotFound | ErrorCode::MethodNotAllowed => "UnknownOperationException",
        ErrorCode::Conflict => "ConflictException",
        ErrorCode::RateLimited => "ThrottlingException",
        ErrorCode::Internal => "InternalServerException",
        ErrorCode::Upstream => "ModelErrorException",
        ErrorCode::Unavailable => "ServiceUnavailableException",
        ErrorCode::Timeout => "ModelTimeoutException",
    }
}

/// The status of an exception, where it is not that of the code (Amazon Bedrock API reference, InvokeModel, "Errors").
fn bedrock_status(exception: &str) -> Option<u16> {
    match exception {
        "ServiceQuotaExceededException" => Some(400),
        "ModelTimeoutException" => Some(408),
        "ModelErrorException" => Some(424),
        "ModelNotReadyException" => Some(429),
        _ => None,
    }
}

// === MCP ===

/// Without an id: the failure came before the request's own was read. JSON-RPC 2.0 has null there; the protocol's schema has no
/// null and lets it be left out (2025-11-25, `JSONRPCErrorResponse`).
#[derive(Serialize)]
struct McpError<'a> {
    jsonrpc: &'static str,
    error: McpDetail<'a>,
}

#[derive(Serialize)]
struct McpDetail<'a> {
    code: i32,
    message: &'a str,
    data: McpData<'a>,
}

#[derive(Serialize)]
struct McpData<'a> {
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    param: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
}

fn mcp(error: &ErrorBody) -> McpError<'_> {
    let code = match error.code {
        ErrorCode::InvalidRequest if error.param.is_some() => -32602,
        ErrorCode::InvalidRequest => -32600,
        ErrorCode::Internal => -32603,
        // All but -32768 to -32000 is left to applications: the HTTP status says best what it is.
        code => i32::from(code.status()),
    };
    McpError {
        jsonrpc: "2.0",
        error: McpDetail {
            code,
            message: &error.message,
            data: McpData {
                code: error.code.name(),
                param: error.param.as_deref(),
                request_id: error.request_id.as_deref(),
            },
        },
    }
}

// === OAuth ===

#[derive(Serialize)]
struct OAuthError<'a> {
    error: &'static str,
    error_description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
}

fn oauth<'a>(error: &'a ErrorBody, reason: Option<&'static str>) -> OAuthError<'a> {
    let description = with_param(error).chars().map(descriptive).collect();
    OAuthError {
        error: reason.unwrap_or_else(|| oauth_word(error.code)),
        error_description: description,
        request_id: error.request_id.as_deref(),
    }
}

/// RFC 6749, section 5.2; the words for failures of our own are those of section 4.1.2.1.
const fn oauth_word(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::Unauthenticated => "invalid_client",
        ErrorCode::Forbidden => "access_denied",
        ErrorCode::InvalidRequest
        | ErrorCode::NotFound
        | ErrorCode::ModelNotFound
        | ErrorCode::MethodNotAllowed
        | ErrorCode::TooSlow
        | ErrorCode::Conflict
        | ErrorCode::Gone
        | ErrorCode::PayloadTooLarge
        | ErrorCode::UnsupportedMediaType => "invalid_request",
        ErrorCode::RateLimited | ErrorCode::Unavailable | ErrorCode::Timeout => "temporarily_unavailable",
        ErrorCode::Internal | ErrorCode::Upstream => "server_error",
    }
}

/// A description holds visible ASCII but for the double quote and the backslash (RFC 6749, section 5.2).
const fn descriptive(char: char) -> char {
    match char {
        '"' => '\'',
        '\\' => '/',
        ' '..='~' => char,
        _ => '?',
    }
}
