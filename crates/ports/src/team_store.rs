//! Where teams and their members are kept.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use outcrop_types::{AuditDraft, Membership, Page, Team, TeamId, User, UserId};

use crate::{Changed, PortError};

/// Which teams to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TeamFilter {
    /// Only this one.
    pub id: Option<TeamId>,
    /// Only those that this person is in.
    pub member: Option<UserId>,
    /// Only those whose name begins so.
    pub name_prefix: Option<String>,
    /// Only those that are disabled, or only those that are not.
    pub disabled: Option<bool>,
}

/// Records of teams and memberships.
///
/// Every change writes its audit event in the same transaction: both or none.
#[async_trait]
pub trait TeamStore: Send + Sync + 'static {
    /// Adds a team; `Taken` if one has its name.
    async fn insert_team(&self, team: &Team, audit: &AuditDraft) -> Result<Changed, PortError>;

    /// The team with this id.
    async fn lookup_team(&self, id: TeamId) -> Result<Option<Team>, PortError>;

    /// The team with this name.
    async fn lookup_team_by_name(&self, name: &str) -> Result<Option<Team>, PortError>;

    /// Teams, newest first. `after` is the last id of the page before.
    async fn list_teams(
        &self,
        filter: &TeamFilter,
        after: Option<TeamId>,
        limit: usize,
    ) -> Result<Page<Team>, PortError>;

    /// Writes name and state of a team as they are in `team`, whose `revision` is the one it was read at; the
    /// stored one is one more. `LastAdmin` if it disables the only team through which an enabled user is
    /// platform admin.
    async fn update_team(&self, team: &Team, audit: &AuditDraft) -> Result<Changed, PortError>;

    /// Removes a team that is still as it was read, its memberships, service accounts and sessions, and revokes
    /// its keys at `now`. What it did stays: usage, jobs, audit.
    async fn delete_team(
        &self,
        team: &Team,
        now: DateTime<Utc>,
        audit: &AuditDraft,
    ) -> Result<Changed, PortError>;

    /// Adds a member, or changes the role of one. `Stale` if there is no such user or team; `LastAdmin` if it
    /// takes the role from the last platform admin. `created_at` of an existing membership stays. Open invitations
    /// of the user are withdrawn: whoever holds one was given it for what the user was. If the user
    /// becomes platform admin by it, and was so in no team before, its sessions end (at the time of the event) and its
    /// password is removed too: with either, whoever had it for less would rise with the user.
    async fn set_membership(&self, membership: &Membership, audit: &AuditDraft)
    -> Result<Changed, PortError>;

    /// Ends a membership, and withdraws open invitations of the user; `Stale` if there is none.
    async fn remove_membership(
        &self,
        team: TeamId,
        user: UserId,
        audit: &AuditDraft,
    ) -> Result<Changed, PortError>;

    /// The membership of a user in a team.
    async fn lookup_membership(&self, team: TeamId, user: UserId) -> Result<Option<Membership>, PortError>;

    /// Members of a team by id of user, newest first. `after` is the last user of the page before.
    async fn list_members(
        &self,
        team: TeamId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Page<(Membership, User)>, PortError>;

    /// The teams a user is in, oldest membership first; at most 1,000.
    async fn list_memberships(&self, user: UserId) -> Result<Vec<(Membership, Team)>, PortError>;
}
