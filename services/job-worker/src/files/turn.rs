//! Uploads at once: what they hold in memory and stage in the blobs is bounded.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use outcrop_types::TeamId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::FileError;

/// Most uploads that a process takes at once: with two parts of 5 MiB each they hold at most 60 MiB.
const AT_ONCE: usize = 6;
/// Most of them of one team, so that others have their turn.
const OF_A_TEAM: usize = 3;
/// How long an upload waits for its turn before it is sent away.
const PATIENCE: Duration = Duration::from_secs(5);

/// Who uploads now.
#[derive(Clone)]
pub(crate) struct Turns {
    all: Arc<Semaphore>,
    teams: Arc<Mutex<HashMap<TeamId, Arc<Semaphore>>>>,
    patience: Duration,
}

/// The right to upload, until it is dropped.
pub(super) struct Turn {
    _of_team: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

impl Default for Turns {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(AT_ONCE)), teams: Arc::default(), patience: PATIENCE }
    }
}

impl Turns {
    /// Waits for a turn, but not for long.
    pub(super) async fn take(&self, team: TeamId) -> Result<Turn, FileError> {
        let of_team = self.of(team);
        let of_team = self.wait(of_team).await.ok_or(FileError::TooManyOfTeam)?;
        let of_all = self.wait(Arc::clone(&self.all)).await.ok_or(FileError::TooMany)?;
        Ok(Turn { _of_team: of_team, _of_all: of_all })
    }

    fn of(&self, team: TeamId) -> Arc<Semaphore> {
        let mut teams = self.teams.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever uploads, or waits to, holds the semaphore or a permit, which holds it too.
        teams.retain(|_, semaphore| Arc::strong_count(semaphore) > 1);
        Arc::clone(teams.entry(team).or_insert_with(|| Arc::new(Semaphore::new(OF_A_TEAM))))
    }

    async fn wait(&self, semaphore: Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
        tokio::time::timeout(self.patience, semaphore.acquire_owned()).await.ok()?.ok()
    }
}

#[cfg(test)]
mod tests {
    use outcrop_ports::contract::samples::team_id;

    use super::*;

    #[tokio::test]
    async fn a_team_and_a_process_have_so_many_turns() {
        let turns = Turns { patience: Duration::from_millis(5), ..Turns::default() };
        let mut held = Vec::new();
        for _ in 0..OF_A_TEAM {
            held.push(turns.take(team_id(1)).await.unwrap_or_else(|_| panic!("a turn")));
        }
        assert!(matches!(turns.take(team_id(1)).await, Err(FileError::TooManyOfTeam)));
        for _ in OF_A_TEAM..AT_ONCE {
            held.push(turns.take(team_id(2)).await.unwrap_or_else(|_| panic!("a turn")));
        }
        assert!(matches!(turns.take(team_id(3)).await, Err(FileError::TooMany)));
        held.clear();
        held.push(turns.take(team_id(3)).await.unwrap_or_else(|_| panic!("a turn")));
        assert_eq!(turns.teams.lock().expect("not poisoned").len(), 1, "those who are done are forgotten");
    }
}
