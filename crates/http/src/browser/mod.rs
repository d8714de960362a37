//! What browsers are told, so that pages of strangers can do nothing with what their visitors may.
//!
//! Pages of the listed origins may call the API ([`cors`]); every answer says how little a browser may make of it
//! ([`shield`]); a cookie alone changes nothing, because no stranger knows its [`csrf_token`].

mod cors;
mod csrf;
mod origins;
mod session;
mod shield;

use std::fmt;
use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::body::BoxBody;
use actix_web::dev::ServiceRequest;
use actix_web::http::header::{HeaderMap, HeaderValue, ORIGIN};
use outcrop_config::ServerConfig;

use crate::MCP_PATH;

pub use csrf::{csrf_matches, csrf_token};
pub use origins::Origins;
pub use session::SessionCookie;

/// A page of another origin that may read the answer.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    origin: HeaderValue,
    /// Whether it may ask as the one who is logged in with this browser.
    with_cookies: bool,
}

/// What a server that faces the public does for browsers.
#[derive(Clone)]
pub(crate) struct Browser(Arc<Inner>);

struct Inner {
    origins: Origins,
    https: bool,
}

impl Browser {
    pub(crate) fn new(config: &ServerConfig) -> Self {
        let https = config.public_url().starts_with("https://");
        Self(Arc::new(Inner { origins: Origins::of(config), https }))
    }

    /// The answer to a browser's question whether a page may ask, and whether it may; `None` if this is no such
    /// question.
    pub(crate) fn preflight(&self, request: &ServiceRequest) -> Option<(HttpResponse<BoxBody>, bool)> {
        cors::preflight(request, self.page(request).is_some())
    }

    /// The page that asks, if the settings list its origin, or if it may speak with the MCP server and does so. The latter
    /// brings a credential of its own: whoever only runs on the same machine is nobody's browser session.
    pub(crate) fn page(&self, request: &ServiceRequest) -> Option<Page> {
        let origin = request.headers().get(ORIGIN)?;
        let text = origin.to_str().ok()?;
        let with_cookies = self.0.origins.lists(text);
        let may = with_cookies || request.path() == MCP_PATH && self.0.origins.trusts_for_mcp(text);
        may.then(|| Page { origin: origin.clone(), with_cookies })
    }

    /// Puts on an answer what browsers go by.
    pub(crate) fn mark(&self, headers: &mut HeaderMap, page: Option<&Page>) {
        shield::mark(headers, self.0.https);
        if page.is_some() || self.0.origins.any_listed() {
            cors::mark(headers, page);
        }
    }
}

impl fmt::Debug for Browser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Browser").field("origins", &self.0.origins).finish_non_exhaustive()
    }
}
