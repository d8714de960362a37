//! How many media are fetched at once: each may be held in memory, and a thread may wait for its name.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use outcrop_types::TeamId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Most fetches at once in one process.
const IN_ALL: usize = 64;
/// And for one team, so that slow servers of its own choice do not stand in the way of others.
const PER_TEAM: usize = 16;
/// Longest wait for room.
pub(super) const WAIT: Duration = Duration::from_secs(5);

/// The room there is.
pub(super) struct Rooms {
    all: Arc<Semaphore>,
    /// Of the teams that are fetching now.
    teams: Mutex<HashMap<TeamId, Arc<Semaphore>>>,
}

/// Room for some fetches, until it is dropped.
pub(super) struct Room {
    _team: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
}

impl Rooms {
    pub(super) fn new() -> Self {
        Self { all: Arc::new(Semaphore::new(IN_ALL)), teams: Mutex::default() }
    }

    /// Room for so many fetches of a team; `None` if there is none for too long. The team's own comes first: who waits
    /// for it takes nothing from others.
    pub(super) async fn enter(&self, team: TeamId, fetches: u32) -> Option<Room> {
        let (own, all) = (self.of(team), Arc::clone(&self.all));
        let room = async move {
            let own = own.acquire_many_owned(fetches).await.ok()?;
            let all = all.acquire_many_owned(fetches).await.ok()?;
            Some(Room { _team: own, _all: all })
        };
        tokio::time::timeout(WAIT, room).await.ok().flatten()
    }

    fn of(&self, team: TeamId) -> Arc<Semaphore> {
        let mut teams = self.teams.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever fetches or waits holds on to it.
        teams.retain(|_, room| Arc::strong_count(room) > 1);
        Arc::clone(teams.entry(team).or_insert_with(|| Arc::new(Semaphore::new(PER_TEAM))))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn team(number: usize) -> TeamId {
        TeamId::new(Uuid::from_u128(number as u128))
    }

    #[tokio::test(start_paused = true)]
    async fn one_team_cannot_take_all_room() {
        let rooms = Rooms::new();
        let mut held = Vec::new();
        for _ in 0..PER_TEAM / 4 {
            held.push(rooms.enter(team(1), 4).await.expect("a team's own room"));
        }
        assert!(rooms.enter(team(1), 1).await.is_none(), "no more for this team");
        for other in 2..=IN_ALL / PER_TEAM {
            for _ in 0..PER_TEAM {
                held.push(rooms.enter(team(other), 1).await.expect("another team's room"));
            }
        }
        assert!(rooms.enter(team(9), 1).await.is_none(), "no more for anybody");
        held.pop();
        assert!(rooms.enter(team(9), 1).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_gets_what_becomes_free_and_nothing_is_kept_of_who_left() {
        let rooms = Rooms::new();
        let first = rooms.enter(team(1), 16).await.expect("room");
        let (second, ()) = tokio::join!(rooms.enter(team(1), 16), async {
            tokio::time::sleep(WAIT / 2).await;
            drop(first);
        });
        drop(second.expect("it came in time"));
        drop(rooms.enter(team(2), 1).await);
        assert_eq!(rooms.teams.lock().unwrap().len(), 1, "only the last is remembered");
        assert_eq!(rooms.all.available_permits(), IN_ALL);
    }
}
