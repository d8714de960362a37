//! Making, listing and revoking keys; `changes` and `rotation` hold the rest of what is done with them.

mod ceiling;
mod changes;
pub(crate) mod minting;
mod owner;
mod rotation;
mod terms;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use outcrop_ports::{Changed, KeyFilter};
use outcrop_types::{
    ApiKey, Change, KeyId, Limits, Page, Permission, PresentedKey, Role, Scope, Subject, TeamId,
};
use serde_json::{Value, json};

use self::minting::KeyTerms;
use self::terms::{check_expiry, check_limits, check_scope, check_tags};
use crate::change_loop::ChangeLoop;
use crate::names::name;
use crate::{Acting, AdminError, AuthService};

pub use self::changes::KeyPatch;
pub use self::rotation::RotatedKey;

/// What a new key shall be. What is not said is the caller's own.
#[derive(Debug, Clone, Default)]
pub struct NewKey {
    /// A name for people, 1 to 100 characters.
    pub name: String,
    /// The team it acts for.
    pub team: Option<TeamId>,
    /// The person or program it acts as.
    pub subject: Option<Subject>,
    /// The role it acts in; if not said, that of the service account, or developer where its owner is no less.
    pub role: Option<Role>,
    /// What it is good for, out of what the role allows.
    pub scope: Scope,
    /// Limits on it.
    pub limits: Limits,
    /// Words for finding it again.
    pub tags: BTreeMap<String, String>,
    /// When it ends by itself, if ever.
    pub expires_at: Option<DateTime<Utc>>,
}

impl AuthService {
    /// Makes a key, which is never more than the credential it is made with, nor than its owner is now. The
    /// presented form exists only in this answer.
    pub async fn create_key(
        &self,
        acting: &Acting,
        new: NewKey,
    ) -> Result<(PresentedKey, ApiKey), AdminError> {
        let name = name("name", &new.name)?;
        check_limits(new.limits)?;
        check_scope(&new.scope)?;
        check_tags(&new.tags)?;
        check_expiry(new.expires_at, self.ports().clock.now())?;
        let owner = self.owner_of_new_key(acting, &new).await?;
        let ceiling = self.ceiling(acting).await?;
        let (presented, key) = self.mint(KeyTerms {
            name,
            limits: ceiling.limits(new.limits)?,
            scope: ceiling.scope(new.scope)?,
            tags: new.tags,
            expires_at: ceiling.expires_at(new.expires_at)?,
            ..KeyTerms::whole(owner.team, owner.subject, owner.role)
        });
        let mut event = self.event(acting, "key.create", &key.id, Some(key.team));
        event.after = Some(audited(&key));
        let made = self.ports().keys.insert_key(&key, &self.draft(event)).await;
        match made.map_err(AdminError::store("create the key"))? {
            Changed::Done => {
                tracing::info!(api_key.prefix = key.id.prefix(), team.id = %key.team, role = %key.role, "API key created");
                Ok((presented, key))
            }
            Changed::Stale | Changed::Taken | Changed::LastAdmin => Err(id_taken()),
        }
    }

    /// Keys, newest first: of the team asked for, of all for whoever may see all, else of the caller's own.
    pub async fn list_keys(
        &self,
        acting: &Acting,
        mut filter: KeyFilter,
        after: Option<&KeyId>,
        limit: usize,
    ) -> Result<Page<ApiKey>, AdminError> {
        filter.team = acting.team_to_list(Permission::ManageKeys, filter.team)?;
        let listed = self.ports().keys.list_keys(&filter, after, limit).await;
        listed.map_err(AdminError::store("list the keys"))
    }

    /// The key with this id, if the caller may manage it.
    pub async fn get_key(&self, acting: &Acting, id: &KeyId) -> Result<ApiKey, AdminError> {
        acting.check_own(Permission::ManageKeys)?;
        let found = self.ports().keys.lookup_key(id).await.map_err(AdminError::store("look up the key"))?;
        let key = found.ok_or(AdminError::not_found("key"))?;
        acting.check_team(Permission::ManageKeys, key.team, "key")?;
        Ok(key)
    }

    /// Revokes a key; doing so again changes nothing.
    pub async fn revoke_key(&self, acting: &Acting, id: &KeyId) -> Result<ApiKey, AdminError> {
        let mut change = ChangeLoop::new("key", None);
        loop {
            let key = self.get_key(acting, id).await?;
            if key.revoked_at.is_some() {
                return Ok(key);
            }
            acting.check_role(key.role)?;
            let revoked = ApiKey { revoked_at: Some(self.ports().clock.now()), ..key.clone() };
            if let Some(revoked) = self.write_key(acting, "key.revoke", &key, revoked).await? {
                tracing::info!(api_key.prefix = revoked.id.prefix(), team.id = %revoked.team, "API key revoked");
                return Ok(revoked);
            }
            change.met_another()?;
        }
    }

    /// Writes a changed key and tells all replicas; `None` if somebody else changed it meanwhile.
    pub(crate) async fn write_key(
        &self,
        acting: &Acting,
        action: &str,
        before: &ApiKey,
        after: ApiKey,
    ) -> Result<Option<ApiKey>, AdminError> {
        let mut event = self.event(acting, action, &after.id, Some(after.team));
        event.before = Some(audited(before));
        event.after = Some(audited(&after));
        let written = self.ports().keys.update_key(&after, &self.draft(event)).await;
        if written.map_err(AdminError::store("change the key"))? != Changed::Done {
            return Ok(None);
        }
        self.announce(Change::Key(after.id.clone())).await;
        Ok(Some(ApiKey { revision: after.revision + 1, ..after }))
    }
}

/// A key as the audit log tells of it. Neither the key nor its hash is in it.
pub(crate) fn audited(key: &ApiKey) -> Value {
    json!({
        "name": key.name,
        "subject": key.subject.to_string(),
        "role": key.role,
        "limits": key.limits,
        "scope": key.scope,
        "tags": key.tags,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "replaced_by": key.replaced_by,
    })
}

/// Two equal ids of 80 random bits: it will not happen twice.
pub(crate) fn id_taken() -> AdminError {
    AdminError::State { message: "the new key's id is taken already; repeat the request".to_owned() }
}
