//! The append-only log of what was changed and what was refused.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use outcrop_types::{AuditDraft, AuditHash, AuditOutcome, AuditRow, Page, TeamId};

use crate::PortError;

/// Which rows to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Only those that concern this team.
    pub team: Option<TeamId>,
    /// Only this actor's: see [`Actor::name`](outcrop_types::Actor::name).
    pub actor: Option<String>,
    /// Only this action, or all that begin with it if it ends in `.`: `key.`.
    pub action: Option<String>,
    /// Only this target.
    pub target: Option<String>,
    /// Only what was done, or only what was refused.
    pub outcome: Option<AuditOutcome>,
    /// Only from this time on.
    pub since: Option<DateTime<Utc>>,
    /// Only before this time.
    pub until: Option<DateTime<Utc>>,
}

/// Rows of the audit log: numbered from 1 without a gap, each sealed behind the one before, however many
/// processes write at once. Changes write theirs through their own stores; this is the rest.
#[async_trait]
pub trait AuditLog: Send + Sync + 'static {
    /// Appends an event that no change goes with.
    async fn record_audit(&self, draft: &AuditDraft) -> Result<(), PortError>;

    /// Rows, newest first. `before` is the last number of the page before.
    async fn list_audit(
        &self,
        filter: &AuditFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Page<AuditRow>, PortError>;

    /// Rows in the order of the chain, from behind number `after`; for checking it. After 0 that is from the very first
    /// row there is, even if somebody numbered it below 1. A row that does not read, such as one of a number below
    /// 0, is `Broken`.
    async fn read_audit_chain(&self, after: u64, limit: usize) -> Result<Vec<AuditRow>, PortError>;

    /// Number and hash of the last row that was appended, kept apart from the rows; `None` before the first.
    async fn audit_head(&self) -> Result<Option<(u64, AuditHash)>, PortError>;
}
