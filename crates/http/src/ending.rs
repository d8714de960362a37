//! The last hand to every answer: its id, its error in the caller's words, what browsers and caches are told.

use std::fmt;
use std::net::IpAddr;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{Error, HttpMessage, HttpResponse, ResponseError};
use bytes::Bytes;
use outcrop_types::{Principal, TeamId, without_secrets};
use outcrop_wire::Dialect;

use crate::browser::{Browser, Page};
use crate::failure::Failure;
use crate::{REQUEST_ID_HEADER, RequestContext, USED_HEADER};

/// What is kept of a request until it is answered.
pub(crate) struct Ending {
    context: RequestContext,
    method: Method,
    /// Without the query, which is the client's business.
    path: Box<str>,
    /// Where the public is faced: what to tell browsers, and which page may read the answer.
    browser: Option<(Browser, Option<Page>)>,
}

impl Ending {
    pub(crate) fn new(request: &ServiceRequest, context: RequestContext, browser: Option<&Browser>) -> Self {
        Self {
            context,
            method: request.method().clone(),
            path: request.path().into(),
            browser: browser.map(|browser| (browser.clone(), browser.page(request))),
        }
    }

    /// Takes the page's leave to read the answer away again, unless it `may`.
    pub(crate) fn may_be_read(&mut self, may: bool) {
        if let (false, Some((_, page))) = (may, &mut self.browser) {
            *page = None;
        }
    }

    /// Finishes an answer.
    pub(crate) fn answer(&self, answer: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
        let (request, mut response) = answer.into_parts();
        let team = || request.extensions().get::<Principal>().map(|principal| principal.team);
        // Not the one kept: behind a service of ours it is known only once that one has been believed.
        let client = || request.extensions().get::<RequestContext>().and_then(|context| context.client_ip);
        if let Some(error) = response.error() {
            let failure = Failure::of(error);
            self.log(&failure, team(), client());
            response = failure.response(&self.context);
        } else if is_bare_failure(&response) {
            let failure = Failure::of_status(response.status());
            self.log(&failure, team(), client());
            response = failure.response(&self.context);
        }
        if response.status().as_u16() >= 400 {
            let extensions = request.extensions();
            put_used(response.headers_mut(), extensions.get::<RequestContext>());
        }
        self.mark(response.headers_mut());
        tracing::debug!(
            request.id = %self.context.request_id,
            http.request.method = %self.method,
            url.path = %without_secrets(&self.path),
            http.response.status_code = response.status().as_u16(),
            duration_ms = self.context.arrived.elapsed().as_secs_f64() * 1000.0,
            "answered"
        );
        ServiceResponse::new(request, response)
    }

    /// Logs and renders a failure that comes without the request it is the answer to.
    pub(crate) fn error(&self, error: &Error) -> Told {
        let failure = Failure::of(error);
        self.log(&failure, None, self.context.client_ip);
        let (response, body) = failure.response(&self.context).into_parts();
        let mut headers = response.headers().clone();
        self.mark(&mut headers);
        Told { status: response.status(), headers, body: body.try_into_bytes().unwrap_or_default() }
    }

    /// Puts on an answer what every answer carries.
    fn mark(&self, headers: &mut HeaderMap) {
        if holds_secrets(&self.path) {
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        self.name(headers);
        // Last: it goes by what else is there.
        if let Some((browser, page)) = &self.browser {
            browser.mark(headers, page.as_ref());
        }
    }

    /// Puts the request's id on an answer, under the name each dialect's SDK looks for.
    fn name(&self, headers: &mut HeaderMap) {
        let Ok(id) = HeaderValue::from_str(self.context.request_id.as_str()) else { return };
        match self.context.dialect {
            Dialect::Anthropic => headers.insert(HeaderName::from_static("request-id"), id.clone()),
            Dialect::Bedrock => headers.insert(HeaderName::from_static("x-amzn-requestid"), id.clone()),
            _ => return drop(headers.insert(HeaderName::from_static(REQUEST_ID_HEADER), id)),
        };
        headers.insert(HeaderName::from_static(REQUEST_ID_HEADER), id);
    }

    fn log(&self, failure: &Failure<'_>, team: Option<TeamId>, client: Option<IpAddr>) {
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    request.id = %self.context.request_id,
                    http.request.method = %self.method,
                    url.path = %without_secrets(&self.path),
                    http.response.status_code = failure.code.status(),
                    error.code = failure.code.name(),
                    error = %without_secrets(&failure.chain),
                    team.id = team.map(tracing::field::display),
                    client.address = client.map(tracing::field::display),
                    duration_ms = self.context.arrived.elapsed().as_secs_f64() * 1000.0,
                    "request failed"
                )
            };
        }
        if failure.code.status() >= 500 { line!(error) } else { line!(info) }
    }
}

/// What a failed call used all the same, for the service of ours that says how it is to be done.
fn put_used(headers: &mut HeaderMap, context: Option<&RequestContext>) {
    let Some(context) = context.filter(|it| it.way.is_some()) else { return };
    let used = serde_json::to_string(&context.spent.sum());
    if let Some(value) = used.ok().and_then(|it| HeaderValue::from_str(&it).ok()) {
        headers.insert(HeaderName::from_static(USED_HEADER), value);
    }
}

/// Whether answers at this path show keys, tokens or people, which no cache on the way may keep.
fn holds_secrets(path: &str) -> bool {
    path.starts_with("/auth/") || path.starts_with("/admin/")
}

/// A status with nothing to explain it, as actix-web answers a wrong method.
fn is_bare_failure(response: &HttpResponse<BoxBody>) -> bool {
    let status = response.status();
    (status.is_client_error() || status.is_server_error())
        && matches!(response.body().size(), BodySize::None | BodySize::Sized(0))
        && !response.headers().contains_key(CONTENT_TYPE)
}

/// A failure that has been logged and rendered, on its way out of actix-web.
#[derive(Debug)]
pub(crate) struct Told {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.status.fmt(f)
    }
}

impl ResponseError for Told {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::new(self.status).set_body(BoxBody::new(self.body.clone()));
        for (name, value) in &self.headers {
            response.headers_mut().append(name.clone(), value.clone());
        }
        response
    }
}
