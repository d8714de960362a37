//! The permission a route needs, in its signature.

use std::marker::PhantomData;

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload};
use outcrop_policy::{Decision, Resource, decide};
use outcrop_types::{ErrorCode, Permission, Principal};

use crate::ApiError;

/// A type that stands for a permission, so that a signature can name it.
pub trait PermissionMarker: 'static {
    /// The permission.
    const PERMISSION: Permission;
}

/// One marker per permission that a route asks for.
pub mod permission {
    use super::{Permission, PermissionMarker};

    macro_rules! markers {
        ($($name:ident),*) => {$(
            #[doc = concat!("The route needs `Permission::", stringify!($name), "`.")]
            #[derive(Debug)]
            pub struct $name;
            impl PermissionMarker for $name {
                const PERMISSION: Permission = Permission::$name;
            }
        )*};
    }
    markers!(InvokeModel, ReadModels, WriteJobs, ReadJobs, ManageKeys, ReadUsage, ManageTeam, ManagePlatform);
}

/// The caller, authenticated and allowed to do `P` within its own team.
#[derive(Debug)]
pub struct Allowed<P> {
    /// Who calls.
    pub principal: Principal,
    permission: PhantomData<P>,
}

impl<P: PermissionMarker> FromRequest for Allowed<P> {
    type Error = ApiError;
    type Future = std::future::Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let extensions = request.extensions();
        let answer = match extensions.get::<Principal>() {
            None => Err(ApiError::new(ErrorCode::Unauthenticated, "no credential was given")),
            Some(principal) => match decide(principal, P::PERMISSION, Resource::OwnTeam) {
                Decision::Allow => Ok(Self { principal: principal.clone(), permission: PhantomData }),
                Decision::Deny | Decision::Hidden => Err(ApiError::new(
                    ErrorCode::Forbidden,
                    format!(
                        "this needs the permission `{}`, which the role `{}` does not have",
                        P::PERMISSION,
                        principal.role
                    ),
                )),
            },
        };
        std::future::ready(answer)
    }
}
