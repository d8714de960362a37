//! The body of a request that says who somebody is: small, and of a type that is looked at.

use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderName};
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use bytes::Bytes;
use futures::future::LocalBoxFuture;
use outcrop_http::{ApiError, Bounds, RequestContext, body_too_large, read_body};
use outcrop_types::ErrorCode;

/// Largest body read, bytes.
const MAX_BYTES: usize = 64 * 1024;

/// Deepest nesting of JSON; none of these bodies has more than two levels.
const MAX_DEPTH: usize = 8;

/// What a body says that it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyType {
    /// `application/x-www-form-urlencoded`
    Form,
    /// `application/json`
    Json,
    /// Something else, or nothing.
    Other,
}

/// A body of at most 64 KiB. It may hold secrets: this type has no `Debug`.
pub(super) struct SmallBody {
    /// The bytes.
    pub(super) bytes: Bytes,
    /// Their type.
    pub(super) kind: BodyType,
}

impl SmallBody {
    /// The body, if it says that it is JSON. Pages of others cannot have a browser say so unasked.
    pub(super) fn json(&self) -> Result<&[u8], ApiError> {
        match self.kind {
            BodyType::Json => Ok(&self.bytes),
            _ => Err(ApiError::new(
                ErrorCode::UnsupportedMediaType,
                "the body must be of type application/json, and say so",
            )),
        }
    }
}

impl FromRequest for SmallBody {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let given = request.app_data::<Bounds>().copied().unwrap_or_default();
        let bounds = Bounds { max_body_bytes: MAX_BYTES.min(given.max_body_bytes), ..given };
        let context = request.extensions().get::<RequestContext>().cloned();
        let remaining = context.map_or(bounds.request_timeout, |context| context.remaining());
        let announced = header(request, CONTENT_LENGTH).and_then(|text| text.parse::<usize>().ok());
        let encoded =
            header(request, CONTENT_ENCODING).is_some_and(|it| !it.eq_ignore_ascii_case("identity"));
        let kind = body_type(header(request, CONTENT_TYPE).unwrap_or_default());
        let payload = payload.take();
        Box::pin(async move {
            if encoded {
                let message = "encoded bodies are not read here; send it as it is";
                return Err(ApiError::new(ErrorCode::UnsupportedMediaType, message));
            }
            if announced.is_some_and(|length| length > bounds.max_body_bytes) {
                return Err(body_too_large(bounds.max_body_bytes));
            }
            let bytes = tokio::time::timeout(remaining, read_body(payload, &bounds, announced))
                .await
                .unwrap_or_else(|_| {
                    Err(ApiError::new(ErrorCode::InvalidRequest, "the body did not arrive in time"))
                })?;
            if bytes.len() > bounds.max_body_bytes {
                return Err(body_too_large(bounds.max_body_bytes));
            }
            if kind == BodyType::Json {
                outcrop_wire::json::check_depth(&bytes, MAX_DEPTH)?;
            }
            Ok(Self { bytes, kind })
        })
    }
}

fn body_type(text: &str) -> BodyType {
    match text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "application/x-www-form-urlencoded" => BodyType::Form,
        "application/json" => BodyType::Json,
        _ => BodyType::Other,
    }
}

fn header(request: &HttpRequest, name: HeaderName) -> Option<&str> {
    request.headers().get(name).and_then(|value| value.to_str().ok())
}
