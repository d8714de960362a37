//! Where teams and people are kept.

use async_trait::async_trait;
use outcrop_types::{ApiKey, Team, TeamId, User};

use crate::PortError;

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

/// Records of teams and people.
#[async_trait]
pub trait UserStore: Send + Sync + 'static {
    /// Writes the first team, admin and key, all or none, if there is no user yet; says whether it did.
    /// Of several processes that try at once, one does.
    async fn bootstrap(&self, first: &Bootstrap) -> Result<bool, PortError>;

    /// The team with this id.
    async fn lookup_team(&self, id: TeamId) -> Result<Option<Team>, PortError>;

    /// The team with this name.
    async fn lookup_team_by_name(&self, name: &str) -> Result<Option<Team>, PortError>;

    /// The people and teams there are, for the command line: (first user, its team) in order of creation.
    async fn first_admin(&self) -> Result<Option<(User, Team)>, PortError>;
}
