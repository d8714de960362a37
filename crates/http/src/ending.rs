//! The last hand to every answer: its id, its error in the caller's words, what browsers and caches are told.

use std::fmt;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use actix_web::{Error, HttpMessage, HttpResponse, ResponseError};
use bytes::Bytes;
use outcrop_lifecycle::Guard;
use outcrop_wire::Dialect;

use crate::browser::{Browser, Page};
use crate::failure::Failure;
use crate::patterns::RoutePattern;
use crate::record::Record;
use crate::tracked::TrackedBody;
use crate::{REQUEST_ID_HEADER, RequestContext, USED_HEADER};

/// What is kept of a request until it is answered.
pub(crate) struct Ending {
    context: RequestContext,
    /// Whether no cache on the way may keep the answer.
    secret: bool,
    /// Where the public is faced: what to tell browsers, and which page may read the answer.
    browser: Option<(Browser, Option<Page>)>,
    /// What is told of it; nothing of probes.
    record: Option<Record>,
    /// It is open work until the answer's last byte.
    guard: Option<Guard>,
}

impl Ending {
    pub(crate) fn new(
        request: &ServiceRequest,
        context: RequestContext,
        browser: Option<&Browser>,
        record: Option<Record>,
        guard: Option<Guard>,
    ) -> Self {
        Self {
            context,
            secret: holds_secrets(request.path()),
            browser: browser.map(|browser| (browser.clone(), browser.page(request))),
            record,
            guard,
        }
    }

    /// Takes the page's leave to read the answer away again, unless it `may`.
    pub(crate) fn may_be_read(&mut self, may: bool) {
        if let (false, Some((_, page))) = (may, &mut self.browser) {
            *page = None;
        }
    }

    /// Where the pattern of the path may be told, if anything is told of the request.
    pub(crate) fn pattern(&self) -> Option<RoutePattern> {
        self.record.as_ref().map(Record::pattern)
    }

    /// Finishes an answer. What is told of it, its body tells when it has been sent.
    pub(crate) fn answer(mut self, answer: ServiceResponse<BoxBody>) -> ServiceResponse<TrackedBody> {
        let (request, mut response) = answer.into_parts();
        let failure = match response.error() {
            Some(error) => Some(Failure::of(error)),
            None if is_bare_failure(&response) => Some(Failure::of_status(response.status())),
            None => None,
        };
        if let Some(record) = &mut self.record {
            record.learn(&request);
            if let Some(failure) = &failure {
                record.fail(failure);
            }
        }
        if let Some(rendered) = failure.map(|failure| failure.response(&self.context)) {
            response = rendered;
        }
        if response.status().as_u16() >= 400 {
            let extensions = request.extensions();
            put_used(response.headers_mut(), extensions.get::<RequestContext>());
        }
        self.mark(response.headers_mut());
        let record = self.record.map(|record| record.begun(response.status(), response.body().size()));
        let guard = self.guard;
        ServiceResponse::new(request, response.map_body(|_, body| TrackedBody::new(body, record, guard)))
    }

    /// Tells and renders a failure that comes without the request it is the answer to.
    pub(crate) fn error(mut self, error: &Error) -> Told {
        let failure = Failure::of(error);
        let (response, body) = failure.response(&self.context).into_parts();
        let mut headers = response.headers().clone();
        self.mark(&mut headers);
        let (status, body) = (response.status(), body.try_into_bytes().unwrap_or_default());
        if let Some(mut record) = self.record.take() {
            record.fail(&failure);
            // What has no request any more is sent whole, and by others.
            record.begun(status, BodySize::Sized(body.len() as u64)).ended(body.len());
        }
        Told { status, headers, body }
    }

    /// Puts on an answer what every answer carries.
    fn mark(&self, headers: &mut HeaderMap) {
        if self.secret {
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

/// A failure that has been told and rendered, on its way out of actix-web.
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
