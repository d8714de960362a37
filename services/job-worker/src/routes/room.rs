//! How many streams of events are open: in this process, of a team, and of a job.
//!
//! A stream is cheap, and stays open for long. Without a bound for each team, whoever may read jobs could take all of them.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use outcrop_http::ApiError;
use outcrop_types::{ErrorCode, JobId, TeamId};

/// Most streams that are open at once in one process.
const MOST: usize = 512;
/// Most of them of one team.
const MOST_OF_TEAM: usize = 64;
/// Most of them of one job.
const MOST_OF_JOB: usize = 16;
/// When to ask again.
const AGAIN: Duration = Duration::from_secs(10);

/// The streams that are open.
#[derive(Debug, Clone, Default)]
pub(super) struct Room(Arc<Mutex<Open>>);

#[derive(Debug, Default)]
struct Open {
    all: usize,
    teams: HashMap<TeamId, usize>,
    jobs: HashMap<JobId, usize>,
}

/// The place of one stream: free again when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    room: Room,
    team: TeamId,
    job: JobId,
}

impl Room {
    /// A place for a stream of this job, or why there is none.
    pub(super) fn take(&self, team: TeamId, job: JobId) -> Result<Place, ApiError> {
        let mut open = self.open();
        if open.all >= MOST {
            let message = "as many streams of events are open here as there may be; ask for the job itself";
            return Err(ApiError::new(ErrorCode::Unavailable, message).with_retry_after(AGAIN));
        }
        if open.teams.get(&team).is_some_and(|count| *count >= MOST_OF_TEAM) {
            return Err(too_many("your team", MOST_OF_TEAM));
        }
        if open.jobs.get(&job).is_some_and(|count| *count >= MOST_OF_JOB) {
            return Err(too_many("this job", MOST_OF_JOB));
        }
        open.all += 1;
        *open.teams.entry(team).or_default() += 1;
        *open.jobs.entry(job).or_default() += 1;
        Ok(Place { room: self.clone(), team, job })
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.room.open();
        open.all = open.all.saturating_sub(1);
        leave(&mut open.teams, &self.team);
        leave(&mut open.jobs, &self.job);
    }
}

/// One less; what is none is forgotten.
fn leave<K: Eq + Hash>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

fn too_many(whose: &str, most: usize) -> ApiError {
    let message = format!("{most} streams of events of {whose} are open here, which is the most; close one");
    ApiError::new(ErrorCode::RateLimited, message).with_retry_after(AGAIN)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn take(room: &Room, team: u128, job: u128) -> Result<Place, ErrorCode> {
        let (team, job) = (TeamId::new(Uuid::from_u128(team)), JobId::new(Uuid::from_u128(job)));
        room.take(team, job).map_err(|error| error.code)
    }

    #[test]
    fn one_team_leaves_room_for_others() {
        let room = Room::default();
        let jobs = (0..4).flat_map(|job| std::iter::repeat_n(job, MOST_OF_JOB));
        let mut places: Vec<_> = jobs.map(|job| take(&room, 1, job).unwrap()).collect();
        assert_eq!(take(&room, 1, 9).unwrap_err(), ErrorCode::RateLimited, "as many as the team may");
        let other = take(&room, 2, 10).unwrap();
        assert_eq!(take(&room, 2, 0).unwrap_err(), ErrorCode::RateLimited, "as many as the job may");
        places.pop();
        places.push(take(&room, 1, 9).unwrap());
        drop((places, other));
        let open = room.open();
        assert_eq!((open.all, open.teams.len(), open.jobs.len()), (0, 0, 0), "nothing is left of them");
    }

    #[test]
    fn a_process_has_so_many_and_no_more() {
        let room = Room::default();
        let places: Vec<_> = (0..MOST as u128).map(|number| take(&room, number, number).unwrap()).collect();
        assert_eq!(take(&room, 1_000, 1_000).unwrap_err(), ErrorCode::Unavailable);
        drop(places);
        assert!(take(&room, 1_000, 1_000).is_ok());
    }
}
