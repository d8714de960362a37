//! What the Model Context Protocol wants of whoever stands in front of its server: which pages may ask at all, and what a
//! client is told that may not pass.
//!
//! Clients find out by themselves where to get a token: the refusal names a document (RFC 9728), that names the issuers
//! (<https://modelcontextprotocol.io/specification/2025-11-25/basic/authorization>).

use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use actix_web::http::header::{CONTENT_TYPE, ORIGIN};
use outcrop_http::{ApiError, MCP_PATH, MCP_SCOPES, Origins};
use outcrop_types::{ErrorCode, Permission};

/// Where it is told who issues tokens for it: the well-known place of [`MCP_PATH`] (RFC 9728, section 3.1).
const METADATA: &str = "/.well-known/oauth-protected-resource/mcp";

/// What comes in needs.
const NEEDED: [Permission; 1] = [Permission::UseMcp];

/// How clients speak with it.
const METHODS: [Method; 3] = [Method::GET, Method::POST, Method::DELETE];

/// All of [`METHODS`].
const METHOD_LIST: &str = "GET, POST, DELETE";

/// What messages are.
const JSON: &str = "application/json";

const CHALLENGE: &str = "www-authenticate";

/// The door in front of the MCP server.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    origins: Origins,
    /// The document's address.
    metadata: Box<str>,
}

impl Door {
    /// That of a server which the public knows under this address.
    pub(crate) fn new(public_url: &str, origins: Origins) -> Self {
        Self { origins, metadata: format!("{}{METADATA}", public_url.trim_end_matches('/')).into() }
    }

    /// Refuses what a stranger's page asks, whatever it shows: it may have had its name point to us ("DNS rebinding"). What is
    /// asked by no page at all passes.
    pub(crate) fn check_origin(&self, request: &ServiceRequest) -> Result<(), ApiError> {
        if request.path() != MCP_PATH {
            return Ok(());
        }
        let mut given = request.headers().get_all(ORIGIN).map(|value| value.to_str().unwrap_or_default());
        if given.all(|origin| self.origins.trusts_for_mcp(origin)) {
            return Ok(());
        }
        let message = "the header `origin` names a page that may not speak with this server; `server.public_url` and \
                       `server.cors_origins` say which may";
        Err(ApiError::new(ErrorCode::Forbidden, message))
    }

    /// Refuses a method that the server does not know.
    pub(crate) fn check_method(request: &ServiceRequest) -> Result<(), ApiError> {
        let method = request.method();
        if request.path() != MCP_PATH || METHODS.contains(method) {
            return Ok(());
        }
        let message = format!("`{method}` is not a method of this path");
        Err(ApiError::new(ErrorCode::MethodNotAllowed, message).with_header("allow", METHOD_LIST))
    }

    /// Refuses a message that does not say it is JSON. A page can have a browser send anything else to strangers without asking
    /// first.
    pub(crate) fn check_type(request: &ServiceRequest) -> Result<(), ApiError> {
        if request.path() != MCP_PATH || request.method() != Method::POST {
            return Ok(());
        }
        let mut given = request.headers().get_all(CONTENT_TYPE);
        if let (Some(one), None) = (given.next(), given.next())
            && let Some(kind) = one.to_str().unwrap_or_default().split(';').next()
            && kind.trim().eq_ignore_ascii_case(JSON)
        {
            return Ok(());
        }
        let message = "a message is JSON; send it with `content-type: application/json`";
        Err(ApiError::new(ErrorCode::UnsupportedMediaType, message))
    }

    /// Tells a client that is refused for who it is, or for not saying it, where to get a good token. `shown` says whether it
    /// showed any credential.
    pub(crate) fn explain(&self, path: &str, error: ApiError, shown: bool) -> ApiError {
        if path != MCP_PATH || error.code != ErrorCode::Unauthenticated {
            return error;
        }
        let what = if shown { "error=\"invalid_token\", " } else { "" };
        self.challenge(error, what, &MCP_SCOPES)
    }

    /// Tells a client that lacks the permission what to ask for (RFC 6750, section 3.1).
    pub(crate) fn explain_lack(&self, path: &str, error: ApiError) -> ApiError {
        if path != MCP_PATH || error.code != ErrorCode::Forbidden {
            return error;
        }
        self.challenge(error, "error=\"insufficient_scope\", ", &NEEDED)
    }

    fn challenge(&self, error: ApiError, what: &str, scope: &[Permission]) -> ApiError {
        let metadata = &self.metadata;
        let scope = scope.iter().map(|it| it.name()).collect::<Vec<_>>().join(" ");
        error.with_header(
            CHALLENGE,
            format!("Bearer {what}resource_metadata=\"{metadata}\", scope=\"{scope}\""),
        )
    }
}
