//! Making, reading, changing and removing programs' accounts.

use outcrop_ports::{Changed, ServiceAccountFilter};
use outcrop_types::{Change, Page, Permission, Role, ServiceAccount, ServiceAccountId, Subject, TeamId};
use serde_json::{Value, json};

use crate::change_loop::ChangeLoop;
use crate::names::{account_name, new_account_name};
use crate::{Acting, AdminError, AuthService};

/// What a new service account shall be.
#[derive(Debug, Clone, Default)]
pub struct NewServiceAccount {
    /// A name, unique in its team.
    pub name: String,
    /// The team it acts for; if not said, the caller's.
    pub team: Option<TeamId>,
    /// What it is there; if not said, service.
    pub role: Option<Role>,
}

/// What shall change of a service account; `None` leaves it as it is.
#[derive(Debug, Clone, Default)]
pub struct ServiceAccountPatch {
    /// Its name.
    pub name: Option<String>,
    /// What it is in its team.
    pub role: Option<Role>,
    /// Whether it is kept out.
    pub disabled: Option<bool>,
    /// The revision that the caller has seen, if only that one is to be changed.
    pub revision: Option<u32>,
}

impl AuthService {
    /// Makes a service account. It has no credential yet: keys are made for it.
    pub async fn create_service_account(
        &self,
        acting: &Acting,
        new: NewServiceAccount,
    ) -> Result<ServiceAccount, AdminError> {
        let named = account_name(&new.name)?;
        acting.check_own(Permission::ManageTeam)?;
        let team = acting.team_or_own(new.team)?;
        self.team_to_staff(acting, team).await.map_err(|error| error.named_by("team"))?;
        let role = new.role.unwrap_or(Role::Service);
        acting.check_grant(role)?;
        let account = ServiceAccount {
            id: ServiceAccountId::new(self.ports().ids.uuid()),
            team,
            name: named,
            role,
            created_at: self.ports().clock.now(),
            disabled_at: None,
            revision: 0,
        };
        let mut event = self.event(acting, "service_account.create", account.id, Some(team));
        event.after = Some(audited(&account));
        let made = self.ports().accounts.insert_service_account(&account, &self.draft(event)).await;
        match made.map_err(AdminError::store("create the service account"))? {
            Changed::Done => Ok(account),
            Changed::Stale => Err(AdminError::not_found("team").named_by("team")),
            Changed::Taken | Changed::LastAdmin => Err(AdminError::Taken { what: "service account" }),
        }
    }

    /// Service accounts, newest first: of the team asked for, of all for whoever may see all, else of the caller's
    /// own.
    pub async fn list_service_accounts(
        &self,
        acting: &Acting,
        mut filter: ServiceAccountFilter,
        after: Option<ServiceAccountId>,
        limit: usize,
    ) -> Result<Page<ServiceAccount>, AdminError> {
        filter.team = acting.team_to_list(Permission::ManageTeam, filter.team)?;
        let listed = self.ports().accounts.list_service_accounts(&filter, after, limit).await;
        listed.map_err(AdminError::store("list the service accounts"))
    }

    /// The service account with this id, if the caller may manage its team.
    pub async fn get_service_account(
        &self,
        acting: &Acting,
        id: ServiceAccountId,
    ) -> Result<ServiceAccount, AdminError> {
        acting.check_own(Permission::ManageTeam)?;
        let found = self.ports().accounts.lookup_service_account(id).await;
        let account = found
            .map_err(AdminError::store("look up the service account"))?
            .ok_or(AdminError::not_found("service account"))?;
        acting.check_team(Permission::ManageTeam, account.team, "service account")?;
        Ok(account)
    }

    /// Changes a service account.
    pub async fn update_service_account(
        &self,
        acting: &Acting,
        id: ServiceAccountId,
        patch: ServiceAccountPatch,
    ) -> Result<ServiceAccount, AdminError> {
        let mut change = ChangeLoop::new("service account", patch.revision);
        loop {
            let account = self.account_to_change(acting, id).await?;
            change.read(account.revision)?;
            let after = self.patched_account(acting, &account, &patch)?;
            if after == account {
                return Ok(account);
            }
            let mut event = self.event(acting, "service_account.update", id, Some(account.team));
            event.before = Some(audited(&account));
            event.after = Some(audited(&after));
            let written = self.ports().accounts.update_service_account(&after, &self.draft(event)).await;
            match written.map_err(AdminError::store("change the service account"))? {
                Changed::Done => {
                    if (after.disabled_at, after.role) != (account.disabled_at, account.role) {
                        self.announce(Change::Subject(Subject::ServiceAccount(id))).await;
                    }
                    return Ok(ServiceAccount { revision: after.revision + 1, ..after });
                }
                Changed::Stale => change.met_another()?,
                Changed::Taken => return Err(AdminError::Taken { what: "service account" }),
                Changed::LastAdmin => return Err(AdminError::LastAdmin),
            }
        }
    }

    /// Removes a service account, and revokes its keys.
    pub async fn delete_service_account(
        &self,
        acting: &Acting,
        id: ServiceAccountId,
    ) -> Result<(), AdminError> {
        let mut change = ChangeLoop::new("service account", None);
        loop {
            let account = self.account_to_change(acting, id).await?;
            let mut event = self.event(acting, "service_account.delete", id, Some(account.team));
            event.before = Some(audited(&account));
            let (accounts, now) = (&self.ports().accounts, self.ports().clock.now());
            let removed = accounts.delete_service_account(&account, now, &self.draft(event)).await;
            match removed.map_err(AdminError::store("remove the service account"))? {
                Changed::Done => {
                    self.announce(Change::Subject(Subject::ServiceAccount(id))).await;
                    return Ok(());
                }
                Changed::Stale | Changed::Taken => change.met_another()?,
                Changed::LastAdmin => return Err(AdminError::LastAdmin),
            }
        }
    }

    /// An account that the caller may change: none that is more than what the caller may give out.
    async fn account_to_change(
        &self,
        acting: &Acting,
        id: ServiceAccountId,
    ) -> Result<ServiceAccount, AdminError> {
        let account = self.get_service_account(acting, id).await?;
        acting.check_role(account.role)?;
        Ok(account)
    }

    fn patched_account(
        &self,
        acting: &Acting,
        account: &ServiceAccount,
        patch: &ServiceAccountPatch,
    ) -> Result<ServiceAccount, AdminError> {
        let mut after = account.clone();
        if let Some(text) = &patch.name {
            after.name = new_account_name(&account.name, text)?;
        }
        if let Some(role) = patch.role.filter(|role| *role != account.role) {
            acting.check_grant(role)?;
            after.role = role;
        }
        match patch.disabled {
            Some(true) if account.disabled_at.is_none() => {
                after.disabled_at = Some(self.ports().clock.now());
            }
            // An account that acts again is given out like one that is made.
            Some(false) if account.disabled_at.is_some() => {
                acting.check_grant(after.role)?;
                after.disabled_at = None;
            }
            _ => {}
        }
        Ok(after)
    }
}

/// A service account as the audit log tells of it.
fn audited(account: &ServiceAccount) -> Value {
    json!({ "name": account.name, "role": account.role, "disabled_at": account.disabled_at })
}
