//! The permission a route needs, in its signature.

use std::marker::PhantomData;
use std::net::IpAddr;

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload};
use outcrop_policy::{Decision, Reach, Resource, decide, reach};
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
    markers!(UseMcp, ReadAudit);
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
            Some(principal) => require(principal, P::PERMISSION, Resource::OwnTeam)
                .map(|()| Self { principal: principal.clone(), permission: PhantomData }),
        };
        std::future::ready(answer)
    }
}

/// Refuses if `principal` may not do `permission` on `resource`: 403 saying what is lacking and where, or 404
/// where the thing is not to be known of.
pub fn require(principal: &Principal, permission: Permission, resource: Resource) -> Result<(), ApiError> {
    let lack = match decide(principal, permission, resource) {
        Decision::Allow => return Ok(()),
        Decision::Hidden => return Err(ApiError::new(ErrorCode::NotFound, "there is no such thing")),
        Decision::Deny => lack(principal, permission),
    };
    Err(ApiError::new(
        ErrorCode::Forbidden,
        format!("this needs the permission `{permission}`, which {lack}"),
    ))
}

/// Refuses if the credential may not be used for this path, or not from there. What else it is limited to is not
/// told: it may be in the wrong hands.
pub fn check_scope(principal: &Principal, path: &str, client_ip: Option<IpAddr>) -> Result<(), ApiError> {
    let scope = principal.scope();
    let refused = if !scope.allows_address(client_ip) {
        "this credential may not be used from this address"
    } else if !scope.allows_route(path) {
        "this credential may not be used for this path"
    } else {
        return Ok(());
    };
    Err(ApiError::new(ErrorCode::Forbidden, refused))
}

/// What keeps the caller from it, to follow "which".
fn lack(principal: &Principal, permission: Permission) -> String {
    let role = principal.role;
    if reach(role, permission) == Reach::None {
        format!("the role `{role}` does not have")
    } else if !principal.scope().allows(permission) {
        "the scope of this credential leaves out".to_owned()
    } else {
        format!("the role `{role}` has within its own team only")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use outcrop_token::service_principal;
    use outcrop_types::{Role, Scope};

    use super::*;

    #[test]
    fn a_refusal_says_what_is_lacking() {
        let of = |role| Principal { role, ..service_principal("caller") };
        let scope = Scope { permissions: Some(vec![Permission::ReadModels]), ..Scope::default() };
        let narrow = Principal { scope: Some(Arc::new(scope)), ..of(Role::Developer) };
        let says =
            |principal: &Principal, permission, resource| match require(principal, permission, resource) {
                Ok(()) => "allowed".to_owned(),
                Err(error) => format!("{} {}", error.code.status(), error.message),
            };
        let own = Resource::OwnTeam;
        assert_eq!(says(&narrow, Permission::ReadModels, own), "allowed");
        assert_eq!(
            says(&of(Role::Viewer), Permission::InvokeModel, own),
            "403 this needs the permission `inference:invoke`, which the role `viewer` does not have"
        );
        assert_eq!(
            says(&narrow, Permission::InvokeModel, own),
            "403 this needs the permission `inference:invoke`, which the scope of this credential leaves out"
        );
        assert_eq!(
            says(&of(Role::TeamAdmin), Permission::ReadAudit, Resource::Platform),
            "403 this needs the permission `audit:read`, which the role `team_admin` has within its own team only"
        );
        let foreign = Resource::Team(outcrop_types::TeamId::new(uuid::Uuid::from_u128(9)));
        assert_eq!(says(&narrow, Permission::ReadModels, foreign), "404 there is no such thing");
    }
}
