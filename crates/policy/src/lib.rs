//! Who may do what: one table of role x permission, deny by default, decided in one place.
//!
//! Pure and total. [`decide`] is the only question there is; [`matrix`] prints the table for people.

use outcrop_types::{Permission, Principal, Role, TeamId};

/// What an action is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// Something of the caller's own team, or of no team in particular.
    OwnTeam,
    /// Something that belongs to this team.
    Team(TeamId),
    /// The platform as a whole.
    Platform,
}

/// The answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It may.
    Allow,
    /// It may not, and may know so (403).
    Deny,
    /// The thing is another team's: for this caller it does not exist (404).
    Hidden,
}

/// Decides whether `principal` may do `permission` on `resource`.
#[must_use]
pub fn decide(principal: &Principal, permission: Permission, resource: Resource) -> Decision {
    let foreign = matches!(resource, Resource::Team(team) if team != principal.team);
    if foreign && principal.role != Role::PlatformAdmin {
        return Decision::Hidden;
    }
    let on_platform = resource == Resource::Platform && principal.role != Role::PlatformAdmin;
    if on_platform || !grants(principal.role, permission) { Decision::Deny } else { Decision::Allow }
}

/// The table. A permission that is not listed for a role is refused.
const fn grants(role: Role, permission: Permission) -> bool {
    use Permission as P;
    match role {
        Role::PlatformAdmin => true,
        Role::TeamAdmin => !matches!(permission, P::ManagePlatform),
        Role::Developer => matches!(
            permission,
            P::InvokeModel | P::ReadModels | P::WriteJobs | P::ReadJobs | P::ReadUsage | P::UseMcp
        ),
        Role::Viewer => matches!(permission, P::ReadModels | P::ReadJobs | P::ReadUsage),
        Role::Service => {
            matches!(permission, P::InvokeModel | P::ReadModels | P::WriteJobs | P::ReadJobs | P::UseMcp)
        }
    }
}

/// Whether somebody in the role `granter` may give out the role `role`: nobody makes a platform admin but one.
#[must_use]
pub fn may_grant(granter: Role, role: Role) -> bool {
    grants(granter, Permission::ManageKeys) && (granter == Role::PlatformAdmin || role != Role::PlatformAdmin)
}

/// The table as Markdown, for the documentation and for reviews.
#[must_use]
pub fn matrix() -> String {
    let mut text = String::from("| permission |");
    for role in Role::ALL {
        text.push_str(&format!(" {role} |"));
    }
    text.push_str("\n|---|");
    text.push_str(&":-:|".repeat(Role::ALL.len()));
    for permission in Permission::ALL {
        text.push_str(&format!("\n| `{permission}` |"));
        for role in Role::ALL {
            text.push_str(if grants(role, permission) { " ✔ |" } else { " ✘ |" });
        }
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use outcrop_types::{Limits, Subject};

    fn team(n: u8) -> TeamId {
        format!("team_{n:032}").parse().unwrap()
    }

    fn principal(role: Role) -> Principal {
        let subject = Subject::User(format!("user_{:032}", 1).parse().unwrap());
        Principal { subject, team: team(1), role, key: None, limits: Limits::default() }
    }

    #[test]
    fn another_teams_things_do_not_exist() {
        for role in Role::ALL.into_iter().filter(|role| *role != Role::PlatformAdmin) {
            for permission in Permission::ALL {
                let decision = decide(&principal(role), permission, Resource::Team(team(2)));
                assert_eq!(decision, Decision::Hidden, "{role} {permission}");
            }
        }
    }

    #[test]
    fn only_the_platform_admin_touches_the_platform() {
        for role in Role::ALL {
            let decision = decide(&principal(role), Permission::ManagePlatform, Resource::Platform);
            assert_eq!(decision == Decision::Allow, role == Role::PlatformAdmin, "{role}");
        }
    }

    #[test]
    fn a_viewer_calls_no_model_and_manages_no_key() {
        for permission in [Permission::InvokeModel, Permission::ManageKeys, Permission::WriteJobs] {
            assert_eq!(decide(&principal(Role::Viewer), permission, Resource::OwnTeam), Decision::Deny);
        }
    }

    #[test]
    fn nobody_grants_more_than_the_team_has() {
        assert!(may_grant(Role::PlatformAdmin, Role::PlatformAdmin));
        assert!(may_grant(Role::TeamAdmin, Role::TeamAdmin));
        assert!(!may_grant(Role::TeamAdmin, Role::PlatformAdmin));
        assert!(Role::ALL.into_iter().all(|role| !may_grant(Role::Developer, role)));
    }

    #[test]
    fn the_documented_matrix_is_the_table() {
        let documented = include_str!("../../../docs/permissions.md");
        assert!(
            documented.ends_with(&matrix()),
            "docs/permissions.md is stale; it should end in\n{}",
            matrix()
        );
    }
}
