//! Who may do what: one table of role x permission, deny by default, decided in one place.
//!
//! Pure and total. [`decide`] is the only question there is; [`matrix`] prints the table for people.

use std::sync::Arc;

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

/// How far a permission of a role reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Nowhere.
    None,
    /// The caller's own team.
    OwnTeam,
    /// Every team, and the platform as a whole.
    Everywhere,
}

impl Reach {
    /// The word in the printed matrix and in `GET /admin/v1/roles`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::OwnTeam => "own_team",
            Self::Everywhere => "everywhere",
        }
    }
}

/// Decides whether `principal` may do `permission` on `resource`: its role must grant it that far, and the scope
/// of its credential must not leave it out.
#[must_use]
pub fn decide(principal: &Principal, permission: Permission, resource: Resource) -> Decision {
    let foreign = matches!(resource, Resource::Team(team) if team != principal.team);
    if foreign && principal.role != Role::PlatformAdmin {
        return Decision::Hidden;
    }
    let needed = match resource {
        Resource::Team(team) if team != principal.team => Reach::Everywhere,
        Resource::Platform => Reach::Everywhere,
        Resource::OwnTeam | Resource::Team(_) => Reach::OwnTeam,
    };
    let granted = reach(principal.role, permission) >= needed && principal.scope().allows(permission);
    if granted { Decision::Allow } else { Decision::Deny }
}

/// The table: how far each permission reaches in each role. What is not listed for a role is refused.
#[must_use]
pub const fn reach(role: Role, permission: Permission) -> Reach {
    use Permission as P;
    let listed = match role {
        Role::PlatformAdmin => return Reach::Everywhere,
        Role::TeamAdmin => !matches!(permission, P::ManagePlatform),
        Role::Developer => matches!(
            permission,
            P::InvokeModel | P::ReadModels | P::WriteJobs | P::ReadJobs | P::ReadUsage | P::UseMcp
        ),
        Role::Viewer => matches!(permission, P::ReadModels | P::ReadJobs | P::ReadUsage),
        Role::Service => {
            matches!(permission, P::InvokeModel | P::ReadModels | P::WriteJobs | P::ReadJobs | P::UseMcp)
        }
    };
    if listed { Reach::OwnTeam } else { Reach::None }
}

/// Whether somebody in the role `granter` may give out the role `role`: nobody makes a platform admin but one.
#[must_use]
pub fn may_grant(granter: Role, role: Role) -> bool {
    reach(granter, Permission::ManageKeys) > Reach::None
        && (granter == Role::PlatformAdmin || role != Role::PlatformAdmin)
}

/// What is left of a role given out to somebody who now has the role `standing`: the role to act in, and, where
/// neither role holds the other, the permissions that both have.
///
/// A key made by a team admin who has become a viewer since is a viewer's key.
#[must_use]
pub fn capped(given: Role, standing: Role) -> (Role, Option<Vec<Permission>>) {
    let within =
        |inner: Role, outer: Role| Permission::ALL.into_iter().all(|it| reach(inner, it) <= reach(outer, it));
    if within(given, standing) {
        return (given, None);
    }
    if within(standing, given) {
        return (standing, None);
    }
    let both = |it: &Permission| reach(given, *it) > Reach::None && reach(standing, *it) > Reach::None;
    (standing, Some(Permission::ALL.into_iter().filter(both).collect()))
}

/// The principal, less what the standing of its subject in its team does not allow now.
#[must_use]
pub fn cap(mut principal: Principal, standing: Role) -> Principal {
    let (role, left) = capped(principal.role, standing);
    principal.role = role;
    if let Some(mut left) = left {
        let mut scope = principal.scope().clone();
        left.retain(|permission| scope.allows(*permission));
        scope.permissions = Some(left);
        principal.scope = Some(Arc::new(scope));
    }
    principal
}

/// The table as Markdown, for the documentation and for reviews: ✔ in the own team, ✔✔ everywhere.
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
            text.push_str(match reach(role, permission) {
                Reach::None => " ✘ |",
                Reach::OwnTeam => " ✔ |",
                Reach::Everywhere => " ✔✔ |",
            });
        }
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use outcrop_types::{Limits, Scope, Subject};

    fn team(n: u8) -> TeamId {
        format!("team_{n:032}").parse().unwrap()
    }

    fn principal(role: Role) -> Principal {
        let subject = Subject::User(format!("user_{:032}", 1).parse().unwrap());
        Principal { subject, team: team(1), role, key: None, limits: Limits::default(), scope: None }
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
    fn a_scope_takes_away_and_never_adds() {
        let only = |permission| Scope { permissions: Some(vec![permission]), ..Scope::default() };
        let narrowed =
            |role, permission| Principal { scope: Some(Arc::new(only(permission))), ..principal(role) };
        for role in Role::ALL {
            for permission in Permission::ALL {
                for resource in [Resource::OwnTeam, Resource::Team(team(1)), Resource::Platform] {
                    let bare = decide(&principal(role), permission, resource);
                    assert_eq!(decide(&narrowed(role, permission), permission, resource), bare);
                    let other = Permission::ALL.into_iter().find(|it| *it != permission).unwrap();
                    assert_eq!(decide(&narrowed(role, other), permission, resource), Decision::Deny);
                }
            }
        }
    }

    #[test]
    fn a_role_given_out_is_never_more_than_its_owners() {
        for given in Role::ALL {
            for standing in Role::ALL {
                let left = cap(principal(given), standing);
                for permission in Permission::ALL {
                    for resource in [Resource::OwnTeam, Resource::Team(team(2)), Resource::Platform] {
                        let may = |principal: &Principal| {
                            decide(principal, permission, resource) == Decision::Allow
                        };
                        let both = may(&principal(given)) && may(&principal(standing));
                        assert_eq!(may(&left), both, "{given} {standing} {permission} {resource:?}");
                    }
                }
            }
        }
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
