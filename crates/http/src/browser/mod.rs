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

pub use csrf::{csrf_matches, csrf_token};
pub use origins::Origins;
pub use session::SessionCookie;

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
        cors::preflight(request, &self.0.origins)
    }

    /// The origin of the page that asks, if it is a listed one.
    pub(crate) fn page(&self, request: &ServiceRequest) -> Option<HeaderValue> {
        let origin = request.headers().get(ORIGIN)?;
        origin.to_str().is_ok_and(|text| self.0.origins.lists(text)).then(|| origin.clone())
    }

    /// Puts on an answer what browsers go by.
    pub(crate) fn mark(&self, headers: &mut HeaderMap, page: Option<&HeaderValue>) {
        shield::mark(headers, self.0.https);
        if self.0.origins.any_listed() {
            cors::mark(headers, page);
        }
    }
}

impl fmt::Debug for Browser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Browser").field("origins", &self.0.origins).finish_non_exhaustive()
    }
}
