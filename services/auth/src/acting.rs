//! Who does something to the platform, from where, and whether they may.

use std::net::IpAddr;

use outcrop_policy::{Decision, Resource, decide};
use outcrop_types::{Actor, AuditEvent, Permission, Principal, RequestId, Role, TeamId};

use crate::AuthService;

/// In whose name an operation is done: the first argument of each.
#[derive(Debug, Clone)]
pub struct Acting {
    who: Who,
    client_ip: Option<IpAddr>,
    request_id: Option<RequestId>,
}

#[derive(Debug, Clone)]
enum Who {
    Principal(Principal),
    CommandLine,
    System,
    Anonymous,
}

impl Acting {
    /// Somebody authenticated, in a request.
    #[must_use]
    pub const fn principal(principal: Principal, client_ip: Option<IpAddr>, request_id: RequestId) -> Self {
        Self { who: Who::Principal(principal), client_ip, request_id: Some(request_id) }
    }

    /// Somebody who has shown no credential yet, in a request.
    #[must_use]
    pub const fn anonymous(client_ip: Option<IpAddr>, request_id: RequestId) -> Self {
        Self { who: Who::Anonymous, client_ip, request_id: Some(request_id) }
    }

    /// Somebody with a shell, the server's settings and its secret: who may do everything.
    #[must_use]
    pub const fn command_line() -> Self {
        Self { who: Who::CommandLine, client_ip: None, request_id: None }
    }

    /// The platform itself: rotation, provisioning.
    #[must_use]
    pub const fn system() -> Self {
        Self { who: Who::System, client_ip: None, request_id: None }
    }

    /// The same request, now that it is known whose it is.
    #[must_use]
    pub fn known_as(&self, principal: Principal) -> Self {
        Self { who: Who::Principal(principal), ..self.clone() }
    }

    /// Who it is, if somebody authenticated.
    #[must_use]
    pub const fn who(&self) -> Option<&Principal> {
        match &self.who {
            Who::Principal(principal) => Some(principal),
            _ => None,
        }
    }

    /// The role acted in: the platform's own hands count as platform admin.
    #[must_use]
    pub const fn role(&self) -> Option<Role> {
        match &self.who {
            Who::Principal(principal) => Some(principal.role),
            Who::CommandLine | Who::System => Some(Role::PlatformAdmin),
            Who::Anonymous => None,
        }
    }

    /// From where.
    #[must_use]
    pub const fn client_ip(&self) -> Option<IpAddr> {
        self.client_ip
    }

    /// Whether this is allowed. Asked next to the lookup that it protects.
    #[must_use]
    pub fn decide(&self, permission: Permission, resource: Resource) -> Decision {
        match &self.who {
            Who::Principal(principal) => decide(principal, permission, resource),
            Who::CommandLine | Who::System => Decision::Allow,
            Who::Anonymous => Decision::Deny,
        }
    }

    /// How the audit log names them.
    #[must_use]
    pub fn actor(&self) -> Actor {
        match &self.who {
            Who::Principal(principal) => Actor::Principal {
                subject: principal.subject,
                team: principal.team,
                key: principal.key.clone(),
            },
            Who::CommandLine => Actor::CommandLine,
            Who::System => Actor::System,
            Who::Anonymous => Actor::Anonymous,
        }
    }
}

impl AuthService {
    /// Something done, as the audit log will tell it. `team` is the one it concerns; `before` and `after` are
    /// for the caller to fill in, without secrets.
    pub(crate) fn event(
        &self,
        acting: &Acting,
        action: &str,
        target: impl std::fmt::Display,
        team: Option<TeamId>,
    ) -> AuditEvent {
        let mut event = AuditEvent::done(acting.actor(), action, target, self.ports().clock.now());
        event.team = team;
        event.client_ip = acting.client_ip;
        event.request_id = acting.request_id.as_ref().map(|id| id.as_str().to_owned());
        event
    }
}
