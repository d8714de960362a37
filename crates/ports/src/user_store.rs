//! Where people are kept, with their passwords and invitations.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use outcrop_types::{
    ApiKey, AuditDraft, Invitation, KeyId, Membership, Page, Role, Subject, Team, TeamId, User, UserId,
};
use secrecy::SecretString;

use crate::{Changed, PortError};

/// What a new platform begins with.
#[derive(Debug, Clone)]
pub struct Bootstrap {
    /// The first team.
    pub team: Team,
    /// The first person, who is platform admin.
    pub admin: User,
    /// That person's first key.
    pub key: ApiKey,
}

/// Which users to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserFilter {
    /// Only members of this team.
    pub team: Option<TeamId>,
    /// Only those whose name begins so.
    pub name_prefix: Option<String>,
    /// Only those that are disabled, or only those that are not.
    pub disabled: Option<bool>,
}

/// Records of people. Every change writes its audit event in the same transaction: both or none.
#[async_trait]
pub trait UserStore: Send + Sync + 'static {
    /// Writes the first team, admin (member of the team as platform admin) and key, all or none, if there is no
    /// user yet; says whether it did. Of several processes that try at once, one does.
    async fn bootstrap(&self, first: &Bootstrap, audit: &AuditDraft) -> Result<bool, PortError>;

    /// The longest-standing enabled platform admin, with its longest-standing enabled team: in whose name the
    /// operator's shell acts.
    async fn first_admin(&self) -> Result<Option<(User, Team)>, PortError>;

    /// Adds a user and, where given, its first membership and its invitation. `Taken` if a user has its name or
    /// its id; `Stale` if the team is not there.
    async fn insert_user(
        &self,
        user: &User,
        membership: Option<&Membership>,
        invitation: Option<&Invitation>,
        audit: &AuditDraft,
    ) -> Result<Changed, PortError>;

    /// The user with this id.
    async fn lookup_user(&self, id: UserId) -> Result<Option<User>, PortError>;

    /// The user with this name.
    async fn lookup_user_by_name(&self, name: &str) -> Result<Option<User>, PortError>;

    /// Users, newest first. `after` is the last id of the page before.
    async fn list_users(
        &self,
        filter: &UserFilter,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Page<User>, PortError>;

    /// Writes name, email and state as they are in `user`, whose `revision` is the one it was read at; the stored
    /// one is one more. Disabling also ends its sessions. `LastAdmin` if it disables the last platform admin.
    async fn update_user(
        &self,
        user: &User,
        now: DateTime<Utc>,
        audit: &AuditDraft,
    ) -> Result<Changed, PortError>;

    /// Removes a user that is still as it was read, its memberships, password, invitations and sessions, and
    /// revokes its keys at `now`. What it did stays.
    async fn delete_user(
        &self,
        user: &User,
        now: DateTime<Utc>,
        audit: &AuditDraft,
    ) -> Result<Changed, PortError>;

    /// What a password of the user of this name is checked against: the user, and its hash if a password is set
    /// (PHC string).
    async fn lookup_password(&self, name: &str) -> Result<Option<(User, Option<SecretString>)>, PortError>;

    /// Sets a password (its PHC string), ends all sessions of the user and withdraws its invitations. `Stale` if
    /// there is no such user.
    async fn set_password(
        &self,
        user: UserId,
        password: &SecretString,
        now: DateTime<Utc>,
        audit: &AuditDraft,
    ) -> Result<Changed, PortError>;

    /// Keeps another hash of the same password, if the one kept is still `old`; says whether it did. No audit, and
    /// nothing ends: for nobody anything changes.
    async fn rehash_password(
        &self,
        user: UserId,
        old: &SecretString,
        new: &SecretString,
    ) -> Result<bool, PortError>;

    /// Keeps an invitation; older ones of the user are withdrawn. `Stale` if there is no such user.
    async fn insert_invitation(
        &self,
        invitation: &Invitation,
        audit: &AuditDraft,
    ) -> Result<Changed, PortError>;

    /// The invitation with this id, if it was neither used nor withdrawn; it may have expired.
    async fn lookup_invitation(&self, id: &KeyId) -> Result<Option<Invitation>, PortError>;

    /// Like [`set_password`](Self::set_password), by an invitation that is thereby used up. `Stale` if it was
    /// used or withdrawn meanwhile: of two at once one wins.
    async fn redeem_invitation(
        &self,
        id: &KeyId,
        password: &SecretString,
        now: DateTime<Utc>,
        audit: &AuditDraft,
    ) -> Result<Changed, PortError>;

    /// What a subject may at most do in a team now. [`Role::PlatformAdmin`] for whoever is so in any enabled team;
    /// else the role in this team. `None` if it is nothing there: the subject or the team is disabled or gone,
    /// or it is no member.
    async fn lookup_standing(&self, subject: Subject, team: TeamId) -> Result<Option<Role>, PortError>;
}
