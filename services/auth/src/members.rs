//! Who is what in which team.

use outcrop_ports::Changed;
use outcrop_types::{Change, Membership, Page, Permission, Role, Subject, Team, TeamId, User, UserId};
use serde_json::{Value, json};

use crate::{Acting, AdminError, AuthService};

/// A member of a team.
#[derive(Debug, Clone)]
pub struct Member {
    /// What the person is there, and since when.
    pub membership: Membership,
    /// The person.
    pub user: User,
}

impl AuthService {
    /// The members of a team, newest person first.
    pub async fn list_members(
        &self,
        acting: &Acting,
        team: TeamId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Page<Member>, AdminError> {
        self.team_to_staff(acting, team).await?;
        let page = self.ports().teams.list_members(team, after, limit).await;
        let page = page.map_err(AdminError::store("list the members"))?;
        let items = page.items.into_iter().map(|(membership, user)| Member { membership, user }).collect();
        Ok(Page { items, has_more: page.has_more })
    }

    /// One member of a team.
    pub async fn get_member(
        &self,
        acting: &Acting,
        team: TeamId,
        user: UserId,
    ) -> Result<Member, AdminError> {
        self.team_to_staff(acting, team).await?;
        let membership = self.membership(team, user).await?.ok_or(AdminError::not_found("member"))?;
        let user = self.existing_user(user).await?;
        Ok(Member { membership, user })
    }

    /// Makes somebody a member, or changes what a member is; says whether the member is new. Doing so again
    /// changes nothing.
    ///
    /// Only those who run the platform add somebody who is there already: with the membership a team's admin would
    /// get keys that act as that person, and would learn who there is elsewhere. To all others whoever is not of the
    /// team is not there.
    pub async fn set_member(
        &self,
        acting: &Acting,
        team: TeamId,
        user: UserId,
        role: Role,
    ) -> Result<(Member, bool), AdminError> {
        self.team_to_staff(acting, team).await?;
        acting.check_grant(role)?;
        let before = self.membership(team, user).await?;
        if before.is_none() && !acting.runs_platform() {
            return Err(not_of_team());
        }
        let user = self.existing_user(user).await.map_err(|error| error.named_by("user"))?;
        self.check_member_is_ours(acting, team, user.id, before.as_ref()).await?;
        if let Some(membership) = before.filter(|it| it.role == role) {
            return Ok((Member { membership, user }, false));
        }
        let created_at = before.map_or_else(|| self.ports().clock.now(), |it| it.created_at);
        let membership = Membership { user: user.id, team, role, created_at };
        let mut event = self.event(acting, "member.set", user.id, Some(team));
        event.before = before.as_ref().map(audited);
        event.after = Some(audited(&membership));
        let written = self.ports().teams.set_membership(&membership, &self.draft(event)).await;
        match written.map_err(AdminError::store("change the membership"))? {
            Changed::Done => {
                self.announce(Change::Subject(Subject::User(user.id))).await;
                Ok((Member { membership, user }, before.is_none()))
            }
            Changed::Stale | Changed::Taken => Err(AdminError::not_found("user").named_by("user")),
            Changed::LastAdmin => Err(AdminError::LastAdmin),
        }
    }

    /// The same, of somebody named by id or by name.
    pub async fn add_member(
        &self,
        acting: &Acting,
        team: TeamId,
        user: &str,
        role: Role,
    ) -> Result<(Member, bool), AdminError> {
        // First of all: names are not looked up for whoever may not add one.
        self.team_to_staff(acting, team).await?;
        acting.check_grant(role)?;
        let user = self.user_named(user).await.map_err(|error| match error {
            AdminError::NotFound { .. } if !acting.runs_platform() => not_of_team(),
            error => error.named_by("user"),
        })?;
        self.set_member(acting, team, user.id, role).await
    }

    /// Ends a membership.
    pub async fn remove_member(&self, acting: &Acting, team: TeamId, user: UserId) -> Result<(), AdminError> {
        self.team_to_staff(acting, team).await?;
        let before = self.membership(team, user).await?.ok_or(AdminError::not_found("member"))?;
        self.check_member_is_ours(acting, team, user, Some(&before)).await?;
        let mut event = self.event(acting, "member.remove", user, Some(team));
        event.before = Some(audited(&before));
        let removed = self.ports().teams.remove_membership(team, user, &self.draft(event)).await;
        match removed.map_err(AdminError::store("end the membership"))? {
            Changed::Done => {
                self.announce(Change::Subject(Subject::User(user))).await;
                Ok(())
            }
            Changed::Stale | Changed::Taken => Err(AdminError::not_found("member")),
            Changed::LastAdmin => Err(AdminError::LastAdmin),
        }
    }

    /// What a user is in a team, if anything.
    pub(crate) async fn membership(
        &self,
        team: TeamId,
        user: UserId,
    ) -> Result<Option<Membership>, AdminError> {
        let found = self.ports().teams.lookup_membership(team, user).await;
        found.map_err(AdminError::store("look up the membership"))
    }

    /// A team whose people the caller may manage.
    pub(crate) async fn team_to_staff(&self, acting: &Acting, id: TeamId) -> Result<Team, AdminError> {
        acting.check_team(Permission::ManageTeam, id, "team")?;
        self.existing_team(id).await
    }

    /// Passes if the caller may decide what this user is: about a platform admin only a platform admin does.
    async fn check_member_is_ours(
        &self,
        acting: &Acting,
        team: TeamId,
        user: UserId,
        membership: Option<&Membership>,
    ) -> Result<(), AdminError> {
        if acting.runs_platform() {
            return Ok(());
        }
        let standing = self.ports().users.lookup_standing(Subject::User(user), team).await;
        let standing = standing.map_err(AdminError::store("look up what the user is"))?;
        let is_admin = |role: Role| role == Role::PlatformAdmin;
        if standing.is_some_and(is_admin) || membership.is_some_and(|it| is_admin(it.role)) {
            let message = "only a platform admin decides about the memberships of a platform admin";
            return Err(AdminError::Beyond { field: None, message: message.to_owned() });
        }
        Ok(())
    }
}

/// The one answer about everybody who is not of the team, whether there is such a user or not.
fn not_of_team() -> AdminError {
    AdminError::not_found("user in this team").named_by("user")
}

/// A membership as the audit log tells of it.
pub(crate) fn audited(membership: &Membership) -> Value {
    json!({ "team": membership.team, "role": membership.role })
}
