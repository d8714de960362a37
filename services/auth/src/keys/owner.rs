//! Whom a key acts as: a subject that is something in the key's team, in a role that it has there.

use outcrop_policy::capped;
use outcrop_types::{Permission, Role, ServiceAccount, Subject, TeamId};

use crate::{Acting, AdminError, AuthService, NewKey};

/// Team, subject and role of a key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owner {
    pub(crate) team: TeamId,
    pub(crate) subject: Subject,
    pub(crate) role: Role,
}

impl AuthService {
    /// Whom a new key acts as, checked against what the caller may give and what the owner is.
    pub(crate) async fn owner_of_new_key(&self, acting: &Acting, new: &NewKey) -> Result<Owner, AdminError> {
        acting.check_own(Permission::ManageKeys)?;
        let account = self.account_named(acting, new).await?;
        let team = acting.team_or_own(new.team.or(account.as_ref().map(|it| it.team)))?;
        acting
            .check_team(Permission::ManageKeys, team, "team")
            .map_err(|error| error.named_by(if new.team.is_none() { "service_account" } else { "team" }))?;
        self.check_team_is_open(team).await?;
        if account.as_ref().is_some_and(|it| it.team != team) {
            return Err(AdminError::not_found("service account").named_by("service_account"));
        }
        let own = acting.who().map(|principal| principal.subject);
        let subject = new
            .subject
            .or(own)
            .ok_or_else(|| AdminError::invalid("user", "`user` or `service_account` is required"))?;
        let standing = self.standing_to_give(acting, subject, team).await?;
        let role = new.role.unwrap_or_else(|| usual_role(account.as_ref(), standing));
        acting.check_role(role)?;
        if capped(role, standing) != (role, None) {
            let message =
                format!("the role `{role}` is more than the key's owner has, which is `{standing}`");
            return Err(AdminError::beyond("role", message));
        }
        Ok(Owner { team, subject, role })
    }

    /// What a subject is in a team, if the caller may make or renew a key that acts as it.
    ///
    /// Nobody but a platform admin gets hold of a key that acts as one, whatever its role: what it does would be
    /// told of the platform admin.
    pub(crate) async fn standing_to_give(
        &self,
        acting: &Acting,
        subject: Subject,
        team: TeamId,
    ) -> Result<Role, AdminError> {
        let users = &self.ports().users;
        let standing = users.lookup_standing(subject, team).await;
        let standing = standing.map_err(AdminError::store("look up the key's owner"))?;
        let standing = standing.ok_or_else(|| not_of_team(subject))?;
        let own = acting.who().is_some_and(|principal| principal.subject == subject);
        if standing != Role::PlatformAdmin || own || acting.role() == Some(Role::PlatformAdmin) {
            return Ok(standing);
        }
        // That somebody of another team is platform admin is not for this caller to learn.
        if let Subject::User(user) = subject {
            let member = self.ports().teams.lookup_membership(team, user).await;
            member
                .map_err(AdminError::store("look up the key's owner"))?
                .ok_or_else(|| not_of_team(subject))?;
        }
        let message = "only a platform admin makes keys that act as a platform admin";
        Err(AdminError::beyond(field(subject), message))
    }

    async fn account_named(
        &self,
        acting: &Acting,
        new: &NewKey,
    ) -> Result<Option<ServiceAccount>, AdminError> {
        let Some(Subject::ServiceAccount(id)) = new.subject else { return Ok(None) };
        let found = self.ports().accounts.lookup_service_account(id).await;
        let account = found
            .map_err(AdminError::store("look up the service account"))?
            .ok_or_else(|| AdminError::not_found("service account").named_by("service_account"))?;
        acting
            .check_team(Permission::ManageKeys, account.team, "service account")
            .map_err(|error| error.named_by("service_account"))?;
        Ok(Some(account))
    }

    async fn check_team_is_open(&self, team: TeamId) -> Result<(), AdminError> {
        let found = self.ports().teams.lookup_team(team).await;
        let found = found.map_err(AdminError::store("look up the team"))?;
        let team = found.ok_or_else(|| AdminError::not_found("team").named_by("team"))?;
        if team.disabled_at.is_some() {
            let message = "the team is disabled, and nobody acts for it".to_owned();
            return Err(AdminError::State { message });
        }
        Ok(())
    }
}

/// The role of a key when none is asked for.
fn usual_role(account: Option<&ServiceAccount>, standing: Role) -> Role {
    match account {
        Some(account) => account.role,
        None if capped(Role::Developer, standing) == (Role::Developer, None) => Role::Developer,
        None => standing,
    }
}

fn field(subject: Subject) -> &'static str {
    match subject {
        Subject::User(_) => "user",
        Subject::ServiceAccount(_) => "service_account",
    }
}

fn not_of_team(subject: Subject) -> AdminError {
    let what = match subject {
        Subject::User(_) => "member of the team",
        Subject::ServiceAccount(_) => "service account",
    };
    AdminError::not_found(what).named_by(field(subject))
}
