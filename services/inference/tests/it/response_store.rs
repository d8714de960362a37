//! Kept responses in memory, which can be away.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use outcrop_ports::{PortError, ResponseStore};
use outcrop_types::{ResponseId, StoredResponse, TeamId};

#[derive(Debug, Default)]
pub(crate) struct MemoryResponses {
    pub(crate) kept: Mutex<Vec<StoredResponse>>,
    pub(crate) away: AtomicBool,
}

impl MemoryResponses {
    fn there(&self, attempted: &str) -> Result<(), PortError> {
        if self.away.load(Ordering::SeqCst) {
            return Err(PortError::unavailable(attempted, "the database is away"));
        }
        Ok(())
    }
}

#[async_trait]
impl ResponseStore for MemoryResponses {
    async fn insert_response(&self, response: &StoredResponse) -> Result<(), PortError> {
        self.there("keep a response")?;
        self.kept.lock().unwrap().push(response.clone());
        Ok(())
    }

    async fn replace_response(&self, response: &StoredResponse) -> Result<bool, PortError> {
        self.there("replace a response")?;
        let mut kept = self.kept.lock().unwrap();
        let to_come = |it: &&mut StoredResponse| {
            it.id == response.id && it.team == response.team && it.response["status"] == "queued"
        };
        let found = kept.iter_mut().find(to_come);
        Ok(found.map(|it| *it = response.clone()).is_some())
    }

    async fn lookup_response(
        &self,
        team: TeamId,
        id: ResponseId,
        now: DateTime<Utc>,
    ) -> Result<Option<StoredResponse>, PortError> {
        self.there("look up a response")?;
        let kept = self.kept.lock().unwrap();
        Ok(kept.iter().find(|it| it.id == id && it.team == team && it.expires_at > now).cloned())
    }

    async fn delete_response(&self, team: TeamId, id: ResponseId) -> Result<bool, PortError> {
        self.there("delete a response")?;
        let mut kept = self.kept.lock().unwrap();
        let before = kept.len();
        kept.retain(|it| it.id != id || it.team != team);
        Ok(kept.len() < before)
    }

    async fn delete_expired_responses(&self, now: DateTime<Utc>, most: usize) -> Result<u64, PortError> {
        self.there("remove expired responses")?;
        let mut removed = 0;
        self.kept.lock().unwrap().retain(|it| {
            let gone = it.expires_at <= now && removed < most as u64;
            removed += u64::from(gone);
            !gone
        });
        Ok(removed)
    }
}
