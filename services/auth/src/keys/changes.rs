//! Changing a key: its name, limits, scope, tags and end.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use outcrop_types::{ApiKey, KeyId, Limits, Scope};

use crate::change_loop::ChangeLoop;
use crate::keys::ceiling::Ceiling;
use crate::keys::terms::{check_expiry, check_limits, check_scope, check_tags};
use crate::names::name;
use crate::{Acting, AdminError, AuthService};

/// What shall change of a key; `None` leaves it as it is.
#[derive(Debug, Clone, Default)]
pub struct KeyPatch {
    /// A name for people.
    pub name: Option<String>,
    /// All of its limits.
    pub limits: Option<Limits>,
    /// The whole of its scope.
    pub scope: Option<Scope>,
    /// All of its tags.
    pub tags: Option<BTreeMap<String, String>>,
    /// When it ends by itself; `Some(None)` is never.
    pub expires_at: Option<Option<DateTime<Utc>>>,
    /// The revision that the caller has seen, if only that one is to be changed.
    pub revision: Option<u32>,
}

impl AuthService {
    /// Changes a key that is still good. Where its scope, limits or end are touched, the whole key that results is
    /// never more than the credential it is changed with: else two keys, each narrow in its own way, would make one
    /// that is narrow in neither. Its name and tags are free.
    pub async fn update_key(
        &self,
        acting: &Acting,
        id: &KeyId,
        patch: KeyPatch,
    ) -> Result<ApiKey, AdminError> {
        let now = self.ports().clock.now();
        let patch = checked(patch, now)?;
        let mut change = ChangeLoop::new("key", patch.revision);
        loop {
            let key = self.get_key(acting, id).await?;
            acting.check_role(key.role)?;
            change.read(key.revision)?;
            check_active(&key, now)?;
            let ceiling = self.ceiling(acting).await?;
            let after = patched(&key, &patch, &ceiling)?;
            if after == key {
                return Ok(key);
            }
            if let Some(changed) = self.write_key(acting, "key.update", &key, after).await? {
                return Ok(changed);
            }
            change.met_another()?;
        }
    }
}

/// Passes if a key is good: what is over stays over.
pub(crate) fn check_active(key: &ApiKey, now: DateTime<Utc>) -> Result<(), AdminError> {
    if key.is_active(now) {
        return Ok(());
    }
    let message = "the key has been revoked or has expired; make another one".to_owned();
    Err(AdminError::State { message })
}

fn checked(mut patch: KeyPatch, now: DateTime<Utc>) -> Result<KeyPatch, AdminError> {
    patch.name = patch.name.map(|text| name("name", &text)).transpose()?;
    check_limits(patch.limits.unwrap_or_default())?;
    check_expiry(patch.expires_at.flatten(), now)?;
    if let Some(scope) = &patch.scope {
        check_scope(scope)?;
    }
    if let Some(tags) = &patch.tags {
        check_tags(tags)?;
    }
    Ok(patch)
}

fn patched(key: &ApiKey, patch: &KeyPatch, ceiling: &Ceiling) -> Result<ApiKey, AdminError> {
    let mut after = key.clone();
    if let Some(name) = &patch.name {
        after.name.clone_from(name);
    }
    if let Some(limits) = patch.limits {
        after.limits = ceiling.limits(limits)?;
    }
    if let Some(scope) = &patch.scope {
        after.scope = ceiling.scope(scope.clone())?;
    }
    if let Some(tags) = &patch.tags {
        after.tags.clone_from(tags);
    }
    if let Some(at) = patch.expires_at {
        after.expires_at = ceiling.expires_at(at)?;
        check_overlap(key, &after)?;
    }
    if patch.limits.is_some() || patch.scope.is_some() || patch.expires_at.is_some() {
        ceiling.holds_with_its_end(&after)?;
    }
    Ok(after)
}

/// A key that was rotated ends when its overlap does, or before.
fn check_overlap(before: &ApiKey, after: &ApiKey) -> Result<(), AdminError> {
    let Some(next) = &before.replaced_by else { return Ok(()) };
    let later = match (before.expires_at, after.expires_at) {
        (Some(before), Some(after)) => after > before,
        (Some(_), None) => true,
        (None, _) => false,
    };
    if later { Err(AdminError::Replaced { by: next.clone() }) } else { Ok(()) }
}
