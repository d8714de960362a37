//! How a credential can be narrower than its owner.

use serde::{Deserialize, Serialize};

use crate::{Network, Pattern, Permission};

/// Most entries of each list.
pub const MAX_ENTRIES: usize = 32;

/// What a credential is good for, out of what its role allows. Empty lists narrow nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scope {
    /// Only these permissions of the role; `None` means all of them, an empty list none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Vec<Permission>>,
    /// Only these paths: `/v1/chat/*`. A path below `/api/v1` counts as the one below `/v1`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Pattern>,
    /// Only these models, by the name asked for or the id served: `claude-*`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<Pattern>,
    /// Only from these networks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<Network>,
}

impl Scope {
    /// Whether nothing is narrowed.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.permissions.is_none()
            && self.routes.is_empty()
            && self.models.is_empty()
            && self.networks.is_empty()
    }

    /// The first list that has too many entries, by name.
    #[must_use]
    pub fn overlong(&self) -> Option<&'static str> {
        [
            ("permissions", self.permissions.as_ref().map_or(0, Vec::len)),
            ("routes", self.routes.len()),
            ("models", self.models.len()),
            ("networks", self.networks.len()),
        ]
        .into_iter()
        .find(|(_, length)| *length > MAX_ENTRIES)
        .map(|(name, _)| name)
    }

    /// Whether a permission of the role is within the scope.
    #[must_use]
    pub fn allows(&self, permission: Permission) -> bool {
        self.permissions.as_ref().is_none_or(|allowed| allowed.contains(&permission))
    }

    /// Whether a request path is within the scope.
    #[must_use]
    pub fn allows_route(&self, path: &str) -> bool {
        let path = path.strip_prefix("/api").filter(|rest| rest.starts_with("/v1/")).unwrap_or(path);
        self.routes.is_empty() || self.routes.iter().any(|route| route.matches(path))
    }

    /// Whether a model is within the scope, under any of its names.
    #[must_use]
    pub fn allows_model<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> bool {
        self.models.is_empty()
            || names.into_iter().any(|name| self.models.iter().any(|model| model.matches(name)))
    }

    /// Whether a caller at this address is within the scope; one whose address is not known is so only where
    /// any address is.
    #[must_use]
    pub fn allows_address(&self, address: Option<std::net::IpAddr>) -> bool {
        self.networks.is_empty()
            || address.is_some_and(|address| self.networks.iter().any(|it| it.contains(address)))
    }

    /// This scope narrowed to `ceiling`: a list that says nothing takes the ceiling's. The name of the list
    /// that would reach beyond the ceiling, if one would.
    pub fn within(mut self, ceiling: &Self) -> Result<Self, &'static str> {
        match (&self.permissions, &ceiling.permissions) {
            (Some(own), Some(most)) if own.iter().any(|it| !most.contains(it)) => return Err("permissions"),
            (None, most) => self.permissions.clone_from(most),
            _ => {}
        }
        narrow(&mut self.routes, &ceiling.routes, Pattern::covers).ok_or("routes")?;
        narrow(&mut self.models, &ceiling.models, Pattern::covers).ok_or("models")?;
        narrow(&mut self.networks, &ceiling.networks, Network::covers).ok_or("networks")?;
        Ok(self)
    }
}

fn narrow<T: Clone>(own: &mut Vec<T>, most: &[T], covers: impl Fn(&T, &T) -> bool) -> Option<()> {
    if most.is_empty() {
        return Some(());
    }
    if own.is_empty() {
        own.extend_from_slice(most);
        return Some(());
    }
    own.iter().all(|it| most.iter().any(|wide| covers(wide, it))).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn models(patterns: &[&str]) -> Scope {
        Scope { models: patterns.iter().map(|it| it.parse().unwrap()).collect(), ..Scope::default() }
    }

    #[test]
    fn nothing_said_is_nothing_narrowed() {
        let scope = Scope::default();
        assert!(scope.is_empty() && scope.allows(Permission::ManagePlatform));
        assert!(scope.allows_route("/anything") && scope.allows_model(["any"]) && scope.allows_address(None));
    }

    #[test]
    fn a_scope_never_reaches_beyond_its_ceiling() {
        let ceiling = models(&["claude-*", "nova-lite"]);
        assert_eq!(models(&["claude-haiku-*"]).within(&ceiling), Ok(models(&["claude-haiku-*"])));
        assert_eq!(Scope::default().within(&ceiling), Ok(ceiling.clone()));
        assert_eq!(models(&["*"]).within(&ceiling), Err("models"));
        let none = Scope { permissions: Some(Vec::new()), ..Scope::default() };
        let some = Scope { permissions: Some(vec![Permission::InvokeModel]), ..Scope::default() };
        assert_eq!(some.clone().within(&none), Err("permissions"));
        assert_eq!(Scope::default().within(&none), Ok(none.clone()));
        assert_eq!(none.clone().within(&some), Ok(none));
    }

    #[test]
    fn both_spellings_of_a_path_are_one() {
        let scope = Scope { routes: vec!["/v1/chat/*".parse().unwrap()], ..Scope::default() };
        assert!(scope.allows_route("/v1/chat/completions") && scope.allows_route("/api/v1/chat/completions"));
        assert!(!scope.allows_route("/v1/models") && !scope.allows_route("/api/v1/models"));
    }
}
