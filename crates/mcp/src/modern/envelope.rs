//! What a request says about itself: in its headers, and in `_meta` (2026-07-28, "Request Metadata" and "`_meta`").

use actix_web::http::header::{ACCEPT, HeaderMap};
use outcrop_wire::mcp::{
    ClientCapabilities, Era, Implementation, LogLevel, Notification, Params, Request, RpcError, Version,
    headers, read_params,
};
use serde::Deserialize;
use serde_json::Value;

use crate::Client;

/// Longest name under which progress is told, bytes: it is said back with each step.
const MAX_TOKEN: usize = 256;

/// HTTP's "406 Not Acceptable".
const NOT_ACCEPTABLE: i64 = 406;

/// What a request says about itself.
#[derive(Debug)]
pub(super) struct Envelope {
    /// Who asks, and what it can.
    pub client: Client,
    /// What it wants progress told under.
    pub progress_token: Option<Value>,
}

#[derive(Deserialize)]
struct Enveloped {
    #[serde(rename = "_meta")]
    meta: Meta,
}

#[derive(Deserialize)]
struct Meta {
    #[serde(rename = "io.modelcontextprotocol/protocolVersion")]
    version: String,
    #[serde(rename = "io.modelcontextprotocol/clientCapabilities")]
    capabilities: ClientCapabilities,
    #[serde(rename = "io.modelcontextprotocol/clientInfo")]
    info: Option<Implementation>,
    #[serde(rename = "io.modelcontextprotocol/logLevel")]
    log_level: Option<LogLevel>,
    #[serde(rename = "progressToken")]
    progress_token: Option<Value>,
}

#[derive(Deserialize)]
struct Noted {
    #[serde(rename = "_meta")]
    meta: Option<NotedMeta>,
}

#[derive(Deserialize)]
struct NotedMeta {
    #[serde(rename = "io.modelcontextprotocol/protocolVersion")]
    version: Option<String>,
}

/// Reads both, and refuses what does not go together: somebody on the way may have decided by the one, and we by the other.
pub(super) fn read(headers: &HeaderMap, request: &Request) -> Result<Envelope, RpcError> {
    let about = request.params.get("_meta");
    let Enveloped { meta } =
        read_params(Params::from_iter(about.map(|it| ("_meta".to_owned(), it.clone()))))?;
    check_accept(headers)?;
    let said = said(headers, headers::PROTOCOL_VERSION)?;
    headers::check_text(headers::PROTOCOL_VERSION, said, &meta.version)?;
    let version = version(&meta.version)?;
    check_method(headers, request)?;
    if let Some(Value::String(token)) = &meta.progress_token
        && token.len() > MAX_TOKEN
    {
        let message = format!("`progressToken` must have at most {MAX_TOKEN} bytes");
        return Err(RpcError::invalid_params("params._meta.progressToken", message));
    }
    if !meta.progress_token.as_ref().is_none_or(|it| it.is_string() || it.is_i64() || it.is_u64()) {
        let message = "`progressToken` must be a text or a whole number";
        return Err(RpcError::invalid_params("params._meta.progressToken", message));
    }
    let client = Client {
        version,
        info: meta.info.unwrap_or_default(),
        capabilities: meta.capabilities,
        log_level: meta.log_level,
    };
    Ok(Envelope { client, progress_token: meta.progress_token })
}

/// Checks what a notification says of itself. It needs to say nothing ("header requirements for notification POSTs are not
/// defined by this revision"); what it says must go together.
pub(super) fn check_notification(headers: &HeaderMap, notification: &Notification) -> Result<(), RpcError> {
    let about = notification.params.get("_meta").cloned();
    let Noted { meta } = read_params(Params::from_iter(about.map(|it| ("_meta".to_owned(), it))))?;
    let said_version = said(headers, headers::PROTOCOL_VERSION)?;
    let body_version = meta.and_then(|it| it.version);
    if let (Some(said), Some(body)) = (said_version, &body_version) {
        headers::check_text(headers::PROTOCOL_VERSION, Some(said), body)?;
    }
    if let Some(text) = said_version.or(body_version.as_deref()) {
        version(text)?;
    }
    match said(headers, headers::METHOD)? {
        None => Ok(()),
        said => headers::check_text(headers::METHOD, said, &notification.method),
    }
}

/// Checks the headers that repeat arguments of a tool.
pub(super) fn check_arguments(
    headers: &HeaderMap,
    schema: &Value,
    arguments: &Params,
) -> Result<(), RpcError> {
    headers::param_headers(schema)
        .iter()
        .try_for_each(|param| headers::check_param(param, said(headers, &param.name)?, arguments))
}

/// Any answer may become a stream.
fn check_accept(headers: &HeaderMap) -> Result<(), RpcError> {
    let lists: Vec<&str> = headers.get_all(ACCEPT).filter_map(|it| it.to_str().ok()).collect();
    if ["application/json", "text/event-stream"].iter().all(|media| headers::accepts(&lists, media)) {
        return Ok(());
    }
    let message = "`accept` must list both `application/json` and `text/event-stream`";
    Err(RpcError::new(NOT_ACCEPTABLE, message))
}

fn version(text: &str) -> Result<Version, RpcError> {
    let version: Version = text.parse().map_err(|()| RpcError::unsupported_version(text))?;
    if version.era() == Era::Modern {
        return Ok(version);
    }
    // No error that says "modern": the client is to begin as that revision begins.
    let message = format!("{version} begins with `initialize`, and says nothing of itself in `_meta`");
    Err(RpcError::invalid_params("params._meta.io.modelcontextprotocol/protocolVersion", message))
}

/// The method, and the name of what it is about where it has one. A name that is lacking in the body is refused where it is read.
fn check_method(headers: &HeaderMap, request: &Request) -> Result<(), RpcError> {
    headers::check_text(headers::METHOD, said(headers, headers::METHOD)?, &request.method)?;
    let field = match &*request.method {
        "tools/call" | "prompts/get" => "name",
        "resources/read" => "uri",
        _ => return Ok(()),
    };
    let Some(name) = request.params.get(field).and_then(Value::as_str) else { return Ok(()) };
    let said = said(headers, headers::NAME)?.map(|it| headers::decoded(headers::NAME, it)).transpose()?;
    headers::check_text(headers::NAME, said.as_deref(), name)
}

fn said<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, RpcError> {
    headers::plain(name, headers.get_all(name).map(|it| it.as_bytes()))
}
