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
    }
}
