//! Where policies are kept.

use async_trait::async_trait;
use outcrop_types::{AuditDraft, KeyId, Level, Page, Pattern, Policy, PolicyId, Subject, Target, TeamId};

use crate::{Changed, PortError};

/// Most policies of a platform: whoever lets calls in keeps all of them in memory.
pub const MAX_POLICIES: usize = 20_000;

/// Which policies to list: those that everything set here is true of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolicyFilter {
    /// Only those that are this team's affair.
    pub team: Option<TeamId>,
    /// Only those at this level.
    pub level: Option<Level>,
    /// Only those for this person or program by name.
    pub subject: Option<Subject>,
    /// Only those for this key by name.
    pub key: Option<KeyId>,
    /// Only those for exactly this target.
    pub target: Option<Target>,
    /// Only those for these models, to the letter; `Some(None)` is those for all models.
    pub model: Option<Option<Pattern>>,
}

/// Records of policies. Every change writes its audit event in the same transaction: both or none; and makes
/// [`policies_version`](Self::policies_version) another.
///
/// What names a team, person or program goes with it when that is deleted, in the same transaction. Keys are never
/// deleted, and their policies stay with them.
#[async_trait]
pub trait PolicyStore: Send + Sync + 'static {
    /// Adds a policy; `Taken` if there is one for the same target and models, or if there are [`MAX_POLICIES`].
    async fn insert_policy(&self, policy: &Policy, audit: &AuditDraft) -> Result<Changed, PortError>;

    /// The policy with this id.
    async fn lookup_policy(&self, id: PolicyId) -> Result<Option<Policy>, PortError>;

    /// Policies, newest id first. `after` is the last id of the page before.
    async fn list_policies(
        &self,
        filter: &PolicyFilter,
        after: Option<PolicyId>,
        limit: usize,
    ) -> Result<Page<Policy>, PortError>;

    /// Writes what can change of a policy (its rules and `updated_at`), whose `revision` is the one it was read at; the
    /// stored one is one more.
    async fn update_policy(&self, policy: &Policy, audit: &AuditDraft) -> Result<Changed, PortError>;

    /// Removes a policy as it was read.
    async fn delete_policy(&self, policy: &Policy, audit: &AuditDraft) -> Result<Changed, PortError>;

    /// All policies, and the version they are, read together.
    async fn all_policies(&self) -> Result<(u64, Vec<Policy>), PortError>;

    /// A number that grows with every change. Cheap: asked every second by every process.
    async fn policies_version(&self) -> Result<u64, PortError>;
}
