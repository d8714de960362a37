//! Where service accounts are kept.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use outcrop_types::{AuditDraft, Page, ServiceAccount, ServiceAccountId, TeamId};

use crate::{Changed, PortError};

/// Which service accounts to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceAccountFilter {
    /// Only those of this team.
    pub team: Option<TeamId>,
    /// Only those whose name begins so.
    pub name_prefix: Option<String>,
    /// Only those that are disabled, or only those that are not.
    pub disabled: Option<bool>,
}

/// Records of service accounts. Every change writes its audit event in the same transaction: both or none.
#[async_trait]
pub trait ServiceAccountStore: Send + Sync + 'static {
    /// Adds an account; `Taken` if one of the team has its name, or any its id; `Stale` if the team is not there.
    async fn insert_service_account(
        &self,
        account: &ServiceAccount,
        audit: &AuditDraft,
    ) -> Result<Changed, PortError>;

    /// The account with this id.
    async fn lookup_service_account(&self, id: ServiceAccountId)
    -> Result<Option<ServiceAccount>, PortError>;

    /// Accounts, newest first. `after` is the last id of the page before.
    async fn list_service_accounts(
        &self,
        filter: &ServiceAccountFilter,
        after: Option<ServiceAccountId>,
        limit: usize,
    ) -> Result<Page<ServiceAccount>, PortError>;

    /// Writes name, role and state as they are in `account`, whose `revision` is the one it was read at; the
    /// stored one is one more.
    async fn update_service_account(
        &self,
        account: &ServiceAccount,
        audit: &AuditDraft,
    ) -> Result<Changed, PortError>;

    /// Removes an account that is still as it was read, and revokes its keys at `now`.
    async fn delete_service_account(
        &self,
        account: &ServiceAccount,
        now: DateTime<Utc>,
        audit: &AuditDraft,
    ) -> Result<Changed, PortError>;
}
