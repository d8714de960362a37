//! Answers of the Responses API that clients come back to.

use async_trait::async_trait;
use outcrop_types::{ResponseId, StoredResponse, TeamId};

use crate::PortError;

/// Keeps answers and what they answered, per team.
#[async_trait]
pub trait ResponseStore: Send + Sync + 'static {
    /// Keeps one; an id that is there already is left as it is.
    async fn insert_response(&self, response: &StoredResponse) -> Result<(), PortError>;

    /// Puts an answer in the place of the one with its id and team, if that is still to come: its object's `status` is
    /// `queued`. Whether it did: one that was deleted does not come back, and what has ended stays as it is. When it was
    /// created is not changed.
    async fn replace_response(&self, response: &StoredResponse) -> Result<bool, PortError>;

    /// One of the team's, unless it has expired by `now`.
    async fn lookup_response(
        &self,
        team: TeamId,
        id: ResponseId,
        now: chrono::DateTime<chrono::Utc>,
    ) -> Result<Option<StoredResponse>, PortError>;

    /// Forgets one of the team's; whether it was there.
    async fn delete_response(&self, team: TeamId, id: ResponseId) -> Result<bool, PortError>;

    /// Forgets at most `most` that expired before `now`; how many.
    async fn delete_expired_responses(
        &self,
        now: chrono::DateTime<chrono::Utc>,
        most: usize,
    ) -> Result<u64, PortError>;
}
