//! The bounded body of a JSON request.

use std::fmt;
use std::ops::Deref;

use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use futures::future::LocalBoxFuture;
use outcrop_types::ErrorCode;
use outcrop_wire::json::check_depth;

use crate::scope::body_too_large;
use crate::{ApiError, Bounds, RequestContext};

/// Memory set aside at most before the body has shown that it is coming, bytes.
const MAX_RESERVED: usize = 256 * 1024;

/// The whole body of a request, within the server's [`Bounds`], not yet parsed.
#[derive(Clone)]
pub struct JsonBytes(pub Bytes);

impl Deref for JsonBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for JsonBytes {
    /// Only the length: a body holds prompts.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JsonBytes({} bytes)", self.0.len())
    }
}

impl FromRequest for JsonBytes {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let bounds = request.app_data::<Bounds>().copied().unwrap_or_default();
        let remaining = request
            .extensions()
            .get::<RequestContext>()
            .map_or(bounds.request_timeout, RequestContext::remaining);
        let announced = header(request, CONTENT_LENGTH).and_then(|text| text.parse::<usize>().ok());
        let refusal = refuse_type(request);
        let payload = payload.take();
        Box::pin(async move {
            if let Some(error) = refusal {
                return Err(error);
            }
            let body = tokio::time::timeout(remaining, read_body(payload, &bounds, announced))
                .await
                .unwrap_or_else(|_| Err(too_slow(&bounds)))?;
            check_depth(&body, bounds.max_json_depth)?;
            Ok(Self(body))
        })
    }
}

/// Reads a whole body of at most `bounds.max_body_bytes`; `announced` is what its `content-length` says.
pub async fn read_body(
    mut payload: Payload,
    bounds: &Bounds,
    announced: Option<usize>,
) -> Result<Bytes, ApiError> {
    let Some(first) = next_piece(&mut payload, bounds).await? else { return Ok(Bytes::new()) };
    if announced == Some(first.len()) && first.len() <= bounds.max_body_bytes {
        // Most bodies arrive in one piece, which then needs no copy.
        return Ok(first);
    }
    let mut body =
        BytesMut::with_capacity(announced.unwrap_or(0).clamp(first.len(), MAX_RESERVED.max(first.len())));
    let mut piece = Some(first);
    while let Some(bytes) = piece {
        if body.len() + bytes.len() > bounds.max_body_bytes {
            return Err(body_too_large(bounds.max_body_bytes));
        }
        if let Some(all) =
            announced.filter(|all| body.len() + bytes.len() > body.capacity() && *all > body.len())
        {
            body = with_room(&body, all.min(bounds.max_body_bytes));
        }
        body.extend_from_slice(&bytes);
        // Not kept until the next one is there.
        drop(bytes);
        piece = next_piece(&mut payload, bounds).await?;
    }
    Ok(body.freeze())
}

/// The same bytes where there is room for all that was announced: a body that is really coming grows once, and not by
/// doubling, whose last steps would hold it twice.
fn with_room(begun: &[u8], all: usize) -> BytesMut {
    let mut body = BytesMut::with_capacity(all.max(begun.len()));
    body.extend_from_slice(begun);
    body
}

/// The next piece of a body, waited for at most `bounds.body_stall`; `None` at its end.
pub async fn next_piece(payload: &mut Payload, bounds: &Bounds) -> Result<Option<Bytes>, ApiError> {
    match tokio::time::timeout(bounds.body_stall, payload.next()).await {
        Err(_) => Err(too_slow(bounds)),
        Ok(None) => Ok(None),
        Ok(Some(Ok(bytes))) => Ok(Some(bytes)),
        Ok(Some(Err(error))) => {
            let mut refusal = ApiError::new(ErrorCode::InvalidRequest, "the body ended before it was whole");
            refusal.source = Some(error.to_string().into());
            Err(refusal)
        }
    }
}

pub(crate) fn too_slow(bounds: &Bounds) -> ApiError {
    ApiError::new(bounds.late_body, "the body did not arrive in time")
}

/// Refuses only what is clearly no JSON: curl, for one, calls any body a form.
fn refuse_type(request: &HttpRequest) -> Option<ApiError> {
    let refuse = |what: String| Some(ApiError::new(ErrorCode::UnsupportedMediaType, what));
    if let Some(encoding) =
        header(request, CONTENT_ENCODING).filter(|it| !it.eq_ignore_ascii_case("identity"))
    {
        return refuse(format!("bodies encoded with `{encoding}` are not read here; send it as it is"));
    }
    let given = header(request, CONTENT_TYPE)?;
    let kind = given.split(['/', ';']).next().unwrap_or_default().trim().to_ascii_lowercase();
    if matches!(kind.as_str(), "multipart" | "image" | "audio" | "video") {
        return refuse(format!("a body of type `{given}` is not read here; send application/json"));
    }
    None
}

fn header(request: &HttpRequest, name: actix_web::http::header::HeaderName) -> Option<&str> {
    request.headers().get(name).and_then(|value| value.to_str().ok())
}
