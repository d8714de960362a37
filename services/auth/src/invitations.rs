//! Inviting somebody to set a password.
//!
//! Whoever has an invitation can become its user, so it is given out as carefully as a role is.

use chrono::{DateTime, TimeDelta, Utc};
use outcrop_ports::Changed;
use outcrop_types::{Invitation, Permission, PresentedKey, Role, SecretKind, TeamId, User, UserId};
use serde_json::json;

use crate::{Acting, AdminError, AuthService};

/// The version of the ids that are made of what somebody is known by outside (RFC 9562, section 5.8).
const FROM_OUTSIDE: usize = 8;

/// An invitation that was made: good once.
#[derive(Debug)]
pub struct Invited {
    /// The invitation, whole; it exists only in this answer.
    pub presented: PresentedKey,
    /// When it ends by itself.
    pub expires_at: DateTime<Utc>,
}

impl AuthService {
    /// Makes a new invitation for a user, and withdraws older ones: for whoever forgot a password, or never set one.
    ///
    /// It is for those who run the platform, and for a team's admin only where the user is in no other team and
    /// is less than an admin there: else it would be the way into somebody else's team.
    pub async fn create_invitation(&self, acting: &Acting, user: UserId) -> Result<Invited, AdminError> {
        let user = self.visible_user(acting, user).await?;
        let team = self.team_to_invite_from(acting, &user).await?;
        check_has_password(&user)?;
        let (presented, invitation) = self.new_invitation(user.id);
        let expires_at = invitation.expires_at;
        let mut event = self.event(acting, "invitation.create", user.id, team);
        event.after = Some(json!({ "expires_at": expires_at }));
        let made = self.ports().users.insert_invitation(&invitation, &self.draft(event)).await;
        match made.map_err(AdminError::store("create the invitation"))? {
            Changed::Done => Ok(Invited { presented, expires_at }),
            Changed::Stale | Changed::Taken | Changed::LastAdmin => Err(AdminError::not_found("user")),
        }
    }

    /// An invitation and its record, not yet stored. What its user is when it is made is what it was given out for:
    /// the stores withdraw it when that changes.
    pub(crate) fn new_invitation(&self, user: UserId) -> (PresentedKey, Invitation) {
        let presented = self.new_secret(SecretKind::Invitation);
        let now = self.ports().clock.now();
        // The settings bound it to a year.
        let ttl = TimeDelta::from_std(self.options().invitation_ttl).unwrap_or_default();
        let invitation = Invitation {
            id: presented.id().clone(),
            hash: self.hasher().hash(&presented),
            user,
            created_at: now,
            expires_at: now + ttl,
        };
        (presented, invitation)
    }

    /// The team in whose name the caller may invite this user; none for those who run the platform.
    async fn team_to_invite_from(&self, acting: &Acting, user: &User) -> Result<Option<TeamId>, AdminError> {
        acting.check_own(Permission::ManageTeam)?;
        let memberships = self.ports().teams.list_memberships(user.id).await;
        let memberships = memberships.map_err(AdminError::store("look up the user's teams"))?;
        // A narrowed credential is not the way to a login of more.
        memberships.iter().try_for_each(|(membership, _)| acting.check_grant(membership.role))?;
        if acting.runs_platform() {
            return Ok(None);
        }
        let own = acting.who().map(|principal| principal.team);
        if let [(membership, _)] = memberships.as_slice() {
            let outranked = !matches!(membership.role, Role::PlatformAdmin | Role::TeamAdmin);
            if Some(membership.team) == own && outranked {
                return Ok(own);
            }
        }
        let message = "only a platform admin invites an admin, or somebody who is in other teams too";
        Err(AdminError::Beyond { field: None, message: message.to_owned() })
    }
}

/// Passes if a user logs in with a password. Whoever comes from outside has its password there: one set here would go
/// on when the issuer has let the person go.
fn check_has_password(user: &User) -> Result<(), AdminError> {
    let message = if user.disabled_at.is_some() {
        "the user is disabled, and cannot log in"
    } else if user.id.uuid().get_version_num() == FROM_OUTSIDE {
        "the user comes from an outside issuer and logs in there, so it gets no password here"
    } else {
        return Ok(());
    };
    Err(AdminError::State { message: message.to_owned() })
}
