//! The parameter `scope`: names of permissions, which a token is narrowed to.

use outcrop_policy::{Reach, reach};
use outcrop_types::{Permission, Role, Scope};

use super::{Fields, GrantError};

/// The permissions asked for, if any are. Names that are none are refused.
fn asked(fields: &Fields) -> Result<Option<Vec<Permission>>, GrantError> {
    let Some(text) = fields.get("scope") else { return Ok(None) };
    let mut permissions = Vec::new();
    for name in text.split(' ').filter(|name| !name.is_empty()) {
        let permission: Permission = name.parse().map_err(|_| {
            let name: String = name.chars().take(40).collect();
            GrantError::Scope { message: format!("`{name}` is not a permission") }
        })?;
        if !permissions.contains(&permission) {
            permissions.push(permission);
        }
    }
    Ok(Some(permissions))
}

/// The scope that is asked for, out of what the role and `ceiling` leave; all of that if none is.
pub(crate) fn narrowed(fields: &Fields, role: Role, ceiling: &Scope) -> Result<Scope, GrantError> {
    let Some(permissions) = asked(fields)? else { return Ok(ceiling.clone()) };
    if let Some(beyond) = permissions.iter().find(|it| !in_force(role, ceiling, **it)) {
        return Err(GrantError::Scope { message: format!("`{beyond}` is more than this login has") });
    }
    Ok(Scope { permissions: Some(permissions), ..ceiling.clone() })
}

/// The permissions that are left of a role within a scope, as the answer spells them.
pub(crate) fn spelled(role: Role, scope: &Scope) -> String {
    let left = permissions(role, scope);
    left.iter().map(|it| it.name()).collect::<Vec<_>>().join(" ")
}

/// The permissions that are left of a role within a scope.
pub(crate) fn permissions(role: Role, scope: &Scope) -> Vec<Permission> {
    Permission::ALL.into_iter().filter(|it| in_force(role, scope, *it)).collect()
}

fn in_force(role: Role, scope: &Scope, permission: Permission) -> bool {
    reach(role, permission) > Reach::None && scope.allows(permission)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn narrow(asked: &str, role: Role, ceiling: &Scope) -> Result<String, GrantError> {
        let fields = Fields::from_form(format!("scope={}", asked.replace(' ', "+")).as_bytes())?;
        narrowed(&fields, role, ceiling).map(|scope| spelled(role, &scope))
    }

    #[test]
    fn a_scope_is_only_ever_narrower() {
        let all = Scope::default();
        let ceiling = Scope {
            permissions: Some(vec![Permission::InvokeModel, Permission::ReadModels]),
            models: vec!["claude-*".parse().unwrap()],
            ..Scope::default()
        };
        assert_eq!(narrow("", Role::Viewer, &all).unwrap(), "models:read jobs:read usage:read");
        assert_eq!(narrow("models:read  models:read", Role::Viewer, &all).unwrap(), "models:read");
        assert_eq!(narrow("", Role::Service, &ceiling).unwrap(), "inference:invoke models:read");
        let kept = narrowed(&Fields::from_form(b"scope=models:read").unwrap(), Role::Service, &ceiling);
        assert_eq!(kept.unwrap().models, ceiling.models, "what is no permission stays");
        for (asked, role, ceiling) in [
            ("models:write", Role::PlatformAdmin, &all),
            ("Models:Read", Role::PlatformAdmin, &all),
            ("inference:invoke", Role::Viewer, &all),
            ("jobs:read", Role::Service, &ceiling),
        ] {
            let refused = narrow(asked, role, ceiling);
            assert!(matches!(refused, Err(GrantError::Scope { .. })), "{asked}");
        }
    }
}
