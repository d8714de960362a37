//! Who works on and who rests: a part of a batch is worked on for minutes, and others shall not wait so long for its place.
//!
//! Where all places of this process are taken and something is due that would go first, a part begins no further line, keeps
//! what it has under way, and goes back to the queue as if it had not been claimed. What it has done stays.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use outcrop_ports::TeamDue;
use outcrop_types::{Job, JobKind, Priority, TeamId};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::JobWorker;

/// How often it is looked who waits.
const LOOK: Duration = Duration::from_secs(1);
/// A part keeps its place at least so long.
const SPELL: Duration = Duration::from_secs(3);
/// Most teams that are looked at.
const TEAMS: usize = 64;

/// What this process works on.
#[derive(Clone, Default)]
pub(crate) struct AtWork(Arc<Mutex<Vec<Entry>>>);

struct Entry {
    team: TeamId,
    priority: Priority,
    is_part: bool,
    since: Instant,
    rest: CancellationToken,
}

/// A job's place among them, until it is dropped.
pub(crate) struct Place {
    at_work: AtWork,
    since: Instant,
    /// Says that no further line shall begin; so does a stop of the process.
    pub(crate) rest: CancellationToken,
}

impl AtWork {
    pub(crate) fn begin(&self, job: &Job, stop: &CancellationToken) -> Place {
        let (rest, mut entries) = (stop.child_token(), self.entries());
        // No two begin at the same moment, so that the moment tells them apart.
        let last = entries.iter().map(|entry| entry.since).max();
        let since = last.map_or_else(Instant::now, |last| Instant::now().max(last + Duration::from_nanos(1)));
        entries.push(Entry {
            team: job.principal.team,
            priority: job.priority,
            is_part: job.kind == JobKind::Part,
            since,
            rest: rest.clone(),
        });
        Place { at_work: self.clone(), since, rest }
    }

    /// Whether there is a part that may rest, and no place is free.
    fn is_held_up(&self, places: usize) -> bool {
        let entries = self.entries();
        entries.len() >= places && entries.iter().any(Entry::may_rest)
    }

    /// For each team that waits, lets one part rest that it goes before; those that rest already count.
    fn make_room(&self, due: &[TeamDue]) {
        let entries = self.entries();
        let mut running: HashMap<TeamId, u64> = HashMap::new();
        for entry in entries.iter() {
            *running.entry(entry.team).or_default() += 1;
        }
        for team in due {
            let here = running.entry(team.team).or_default();
            *here = team.running.max(*here);
        }
        let resting = entries.iter().filter(|entry| entry.is_part && entry.rest.is_cancelled()).count();
        for team in due.iter().skip(resting) {
            let of = |entry: &Entry| running.get(&entry.team).copied().unwrap_or_default();
            let gives_way = |entry: &&Entry| entry.may_rest() && goes_before(team, entry, of(entry));
            let most = |entry: &&Entry| (of(entry), entry.since.elapsed());
            if let Some(entry) = entries.iter().filter(gives_way).max_by_key(most) {
                entry.rest.cancel();
                running.entry(entry.team).and_modify(|count| *count = count.saturating_sub(1));
            }
        }
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn may_rest(&self) -> bool {
        self.is_part && !self.rest.is_cancelled() && self.since.elapsed() >= SPELL
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.at_work.entries().retain(|entry| entry.since != self.since);
    }
}

/// Whether what a team has due would be claimed before a part that rests, of whose team so many jobs run. Of two that are
/// about even, neither makes room for the other.
fn goes_before(due: &TeamDue, part: &Entry, running: u64) -> bool {
    if due.batch {
        return true;
    }
    if due.team == part.team {
        return due.urgent.is_some_and(|urgent| urgent.rank() < part.priority.rank());
    }
    due.running == 0 || due.running + 1 < running
}

impl JobWorker {
    /// Looks who waits while all places are taken.
    pub(crate) async fn make_room(self, stop: CancellationToken) {
        let places = self.options.jobs.concurrency.max(1);
        while tokio::time::timeout(LOOK, stop.cancelled()).await.is_err() {
            if !self.at_work.is_held_up(places) {
                continue;
            }
            match self.ports.jobs.teams_due(self.ports.clock.now(), TEAMS).await {
                Ok(due) => self.at_work.make_room(&due),
                Err(error) => tracing::debug!(error = error.chain(), "could not look who waits"),
            }
        }
    }
}
