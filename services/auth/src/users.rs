//! Making, reading, changing and removing people.

use outcrop_ports::{Changed, UserFilter};
use outcrop_types::{
    Change, Membership, Page, Permission, PresentedKey, Role, Subject, Team, TeamId, User, UserId,
};
use serde_json::{Value, json};

use crate::change_loop::ChangeLoop;
use crate::invitations::Invited;
use crate::names::{account_name, email, name, new_account_name};
use crate::{Acting, AdminError, AuthService, members};

/// What a new user shall be.
#[derive(Debug, Clone, Default)]
pub struct NewUser {
    /// The name to log in with.
    pub name: String,
    /// Where to write to.
    pub email: Option<String>,
    /// The first team; if not said, the caller's.
    pub team: Option<TeamId>,
    /// The role there; if not said, developer.
    pub role: Option<Role>,
}

/// What shall change of a user; `None` leaves it as it is.
#[derive(Debug, Clone, Default)]
pub struct UserPatch {
    /// The name to log in with.
    pub name: Option<String>,
    /// Where to write to; `Some(None)` is nowhere.
    pub email: Option<Option<String>>,
    /// Whether this person is kept out.
    pub disabled: Option<bool>,
    /// The revision that the caller has seen, if only that one is to be changed.
    pub revision: Option<u32>,
}

/// A user that was made, and the invitation by which it sets its password.
#[derive(Debug)]
pub struct NewUserAnswer {
    /// The user.
    pub user: User,
    /// What it is in its first team.
    pub membership: Membership,
    /// The invitation, which exists only in this answer.
    pub invited: Invited,
}

impl AuthService {
    /// Makes a user, a member of one team, and invites it to set a password.
    pub async fn create_user(&self, acting: &Acting, new: NewUser) -> Result<NewUserAnswer, AdminError> {
        let named = account_name(&new.name)?;
        let email = new.email.as_deref().map(email).transpose()?;
        acting.check_own(Permission::ManageTeam)?;
        let team = acting.team_or_own(new.team)?;
        self.team_to_staff(acting, team).await.map_err(|error| error.named_by("team"))?;
        let role = new.role.unwrap_or(Role::Developer);
        acting.check_grant(role)?;
        let now = self.ports().clock.now();
        let id = UserId::new(self.ports().ids.uuid());
        let user = User { id, name: named, email, created_at: now, disabled_at: None, revision: 0 };
        let membership = Membership { user: id, team, role, created_at: now };
        let (presented, invitation): (PresentedKey, _) = self.new_invitation(id);
        let mut event = self.event(acting, "user.create", id, Some(team));
        event.after = Some(json!({ "user": audited(&user), "membership": members::audited(&membership) }));
        let (users, draft) = (&self.ports().users, self.draft(event));
        let made = users.insert_user(&user, Some(&membership), Some(&invitation), &draft).await;
        match made.map_err(AdminError::store("create the user"))? {
            Changed::Done => {
                let invited = Invited { presented, expires_at: invitation.expires_at };
                Ok(NewUserAnswer { user, membership, invited })
            }
            Changed::Stale => Err(AdminError::not_found("team").named_by("team")),
            Changed::Taken | Changed::LastAdmin => Err(AdminError::Taken { what: "user" }),
        }
    }

    /// Users, newest first: all of them for those who run the platform, else members of the caller's own team.
    pub async fn list_users(
        &self,
        acting: &Acting,
        mut filter: UserFilter,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Page<User>, AdminError> {
        filter.team = acting.team_to_list(Permission::ManageTeam, filter.team)?;
        let listed = self.ports().users.list_users(&filter, after, limit).await;
        listed.map_err(AdminError::store("list the users"))
    }

    /// The user with this id and what it is where: to those who run the platform everywhere, to others in their
    /// own team.
    pub async fn get_user(
        &self,
        acting: &Acting,
        id: UserId,
    ) -> Result<(User, Vec<(Membership, Team)>), AdminError> {
        let user = self.visible_user(acting, id).await?;
        let memberships = self.ports().teams.list_memberships(id).await;
        let mut memberships = memberships.map_err(AdminError::store("look up the user's teams"))?;
        if !acting.runs_platform() {
            let own = acting.who().map(|principal| principal.team);
            memberships.retain(|(membership, _)| Some(membership.team) == own);
        }
        Ok((user, memberships))
    }

    /// Changes a user. For those who run the platform.
    pub async fn update_user(
        &self,
        acting: &Acting,
        id: UserId,
        patch: UserPatch,
    ) -> Result<User, AdminError> {
        let mut change = ChangeLoop::new("user", patch.revision);
        loop {
            let user = self.user_to_change(acting, id).await?;
            change.read(user.revision)?;
            let after = self.patched_user(&user, &patch)?;
            if after == user {
                return Ok(user);
            }
            let mut event = self.event(acting, "user.update", id, None);
            event.before = Some(audited(&user));
            event.after = Some(audited(&after));
            let now = self.ports().clock.now();
            let written = self.ports().users.update_user(&after, now, &self.draft(event)).await;
            match written.map_err(AdminError::store("change the user"))? {
                Changed::Done => {
                    if after.disabled_at != user.disabled_at {
                        self.announce(Change::Subject(Subject::User(id))).await;
                    }
                    return Ok(User { revision: after.revision + 1, ..after });
                }
                Changed::Stale => change.met_another()?,
                Changed::Taken => return Err(AdminError::Taken { what: "user" }),
                Changed::LastAdmin => return Err(AdminError::LastAdmin),
            }
        }
    }

    /// Removes a user, and revokes its keys. For those who run the platform.
    pub async fn delete_user(&self, acting: &Acting, id: UserId) -> Result<(), AdminError> {
        let mut change = ChangeLoop::new("user", None);
        loop {
            let user = self.user_to_change(acting, id).await?;
            let mut event = self.event(acting, "user.delete", id, None);
            event.before = Some(audited(&user));
            let now = self.ports().clock.now();
            let removed = self.ports().users.delete_user(&user, now, &self.draft(event)).await;
            match removed.map_err(AdminError::store("remove the user"))? {
                Changed::Done => {
                    self.announce(Change::Subject(Subject::User(id))).await;
                    return Ok(());
                }
                Changed::Stale | Changed::Taken => change.met_another()?,
                Changed::LastAdmin => return Err(AdminError::LastAdmin),
            }
        }
    }

    /// The user that a caller names by id or by name.
    pub async fn user_named(&self, text: &str) -> Result<User, AdminError> {
        if let Ok(id) = text.parse() {
            return self.existing_user(id).await;
        }
        // What can be nobody's name is nobody's.
        let text = name("user", text).map_err(|_| AdminError::not_found("user"))?;
        let found = self.ports().users.lookup_user_by_name(&text).await;
        found.map_err(AdminError::store("look up the user"))?.ok_or(AdminError::not_found("user"))
    }

    /// The user with this id, whoever asks.
    pub(crate) async fn existing_user(&self, id: UserId) -> Result<User, AdminError> {
        let found =
            self.ports().users.lookup_user(id).await.map_err(AdminError::store("look up the user"))?;
        found.ok_or(AdminError::not_found("user"))
    }

    /// A user that the caller may know of: any, for those who run the platform; else those of the caller's own
    /// team, for those who manage it; and everybody itself.
    pub(crate) async fn visible_user(&self, acting: &Acting, id: UserId) -> Result<User, AdminError> {
        if acting.runs_platform() {
            return self.existing_user(id).await;
        }
        let denied = AdminError::Denied { permission: Permission::ManageTeam };
        let Some(principal) = acting.who() else { return Err(denied) };
        if principal.subject != Subject::User(id) {
            acting.check_own(Permission::ManageTeam)?;
            self.membership(principal.team, id).await?.ok_or(AdminError::not_found("user"))?;
        }
        self.existing_user(id).await
    }

    /// A user that the caller may know of, and as one who runs the platform may change.
    async fn user_to_change(&self, acting: &Acting, id: UserId) -> Result<User, AdminError> {
        let user = self.visible_user(acting, id).await?;
        acting.check_platform()?;
        Ok(user)
    }

    fn patched_user(&self, user: &User, patch: &UserPatch) -> Result<User, AdminError> {
        let mut after = user.clone();
        if let Some(text) = &patch.name {
            after.name = new_account_name(&user.name, text)?;
        }
        if let Some(text) = &patch.email {
            after.email = text.as_deref().map(email).transpose()?;
        }
        match patch.disabled {
            Some(true) if user.disabled_at.is_none() => after.disabled_at = Some(self.ports().clock.now()),
            Some(false) => after.disabled_at = None,
            _ => {}
        }
        Ok(after)
    }
}

/// A user as the audit log tells of it.
fn audited(user: &User) -> Value {
    json!({ "name": user.name, "email": user.email, "disabled_at": user.disabled_at })
}
