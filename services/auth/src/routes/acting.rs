//! From a request to the one in whose name operations are done.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use outcrop_http::{ApiError, RequestContext};
use outcrop_types::{ErrorCode, Principal};

use crate::{Acting, AdminError};

/// The authenticated caller of a request, as operations know it; a request of nobody is a 401.
#[derive(Debug)]
pub(crate) struct By(pub(crate) Acting);

impl FromRequest for By {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let answer = acting(request).and_then(|acting| match acting.who() {
            Some(_) => Ok(Self(acting)),
            None => Err(ApiError::new(ErrorCode::Unauthenticated, "no credential was given")),
        });
        ready(answer)
    }
}

/// Whoever sends a request, known or not.
pub(crate) fn acting(request: &HttpRequest) -> Result<Acting, ApiError> {
    let extensions = request.extensions();
    let context = extensions.get::<RequestContext>();
    let context = context.ok_or_else(|| ApiError::new(ErrorCode::Internal, "the request has no context"))?;
    let (client_ip, request_id) = (context.client_ip, context.request_id.clone());
    Ok(match extensions.get::<Principal>() {
        Some(principal) => Acting::principal(principal.clone(), client_ip, request_id),
        None => Acting::anonymous(client_ip, request_id),
    })
}

impl From<AdminError> for ApiError {
    fn from(error: AdminError) -> Self {
        let param = error.param().map(str::to_owned);
        let mut answer = Self::from_error(error);
        answer.param = param;
        answer
    }
}
