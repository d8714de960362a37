//! Services acting in their own name.

use outcrop_types::{Limits, Principal, Role, ServiceAccountId, Subject, TeamId};
use uuid::Uuid;

/// The principal of one of our own services, for calls that are made on nobody's behalf: the gateway asking
/// the auth service about a key, for example.
///
/// It belongs to the nil team, which owns nothing, and its id is the first 16 bytes of the service's name,
/// so that it is the same in every process and no row in any store is needed.
#[must_use]
pub fn service_principal(name: &str) -> Principal {
    let mut id = [0; 16];
    for (to, from) in id.iter_mut().zip(name.bytes()) {
        *to = from;
    }
    Principal {
        subject: Subject::ServiceAccount(ServiceAccountId::new(Uuid::from_bytes(id))),
        team: TeamId::new(Uuid::nil()),
        role: Role::Service,
        key: None,
        limits: Limits::default(),
        scope: None,
    }
}

/// Whether this is the principal of one of our own services, as [`service_principal`] makes them, and nobody
/// whom a service speaks for: no key leads to the nil team.
#[must_use]
pub fn is_service(principal: &Principal) -> bool {
    matches!(principal.subject, Subject::ServiceAccount(_))
        && principal.team == TeamId::new(Uuid::nil())
        && principal.role == Role::Service
        && principal.key.is_none()
}

#[cfg(test)]
mod tests {
    use outcrop_types::PresentedKey;

    use super::*;

    #[test]
    fn nobody_but_a_service_is_one() {
        let service = service_principal("gateway");
        assert!(is_service(&service));
        let key = PresentedKey::generate([1; 16], [1; 86]);
        let others = [
            Principal { role: Role::PlatformAdmin, ..service.clone() },
            Principal { team: TeamId::new(Uuid::from_u128(1)), ..service.clone() },
            Principal { key: Some(key.id().clone()), ..service },
        ];
        assert!(others.iter().all(|it| !is_service(it)));
    }
}
