//! The caller, for handlers that decide themselves what it may do.

use std::net::IpAddr;

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload};
use outcrop_policy::Resource;
use outcrop_types::{ErrorCode, Permission, Principal, RequestId};

use crate::{ApiError, RequestContext, require};

/// Who calls, from where and under which id: what a decision and its line in the audit log need.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who calls.
    pub principal: Principal,
    /// From where, as far as it is known.
    pub client_ip: Option<IpAddr>,
    /// The request's id.
    pub request_id: RequestId,
}

impl Caller {
    /// Refuses if the caller may not do `permission` on `resource`; see [`require`].
    pub fn require(&self, permission: Permission, resource: Resource) -> Result<(), ApiError> {
        require(&self.principal, permission, resource)
    }
}

impl FromRequest for Caller {
    type Error = ApiError;
    type Future = std::future::Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let extensions = request.extensions();
        let answer = match (extensions.get::<Principal>(), extensions.get::<RequestContext>()) {
            (Some(principal), Some(context)) => Ok(Self {
                principal: principal.clone(),
                client_ip: context.client_ip,
                request_id: context.request_id.clone(),
            }),
            (None, _) => Err(ApiError::new(ErrorCode::Unauthenticated, "no credential was given")),
            (_, None) => Err(ApiError::new(ErrorCode::Internal, "the request has no context")),
        };
        std::future::ready(answer)
    }
}
