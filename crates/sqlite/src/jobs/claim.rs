//! Whose turn it is.
//!
//! Teams that have something due are found by leaping through indexes from team to team, however many jobs one of them has;
//! the one with the fewest running goes first, of several the one that has waited longest since its last claim. Then the
//! job is picked among that team's alone.

use chrono::{DateTime, Utc};
use outcrop_ports::{ClaimTerms, PortError, TeamDue};
use outcrop_types::{Job, LeaseToken, Priority, TeamId};
use serde_json::json;
use sqlx::{FromRow, SqliteConnection};

use super::rows::{ClaimedRow, columns};
use crate::SqliteStore;
use crate::events::add_call_event;
use crate::rows::{Row, micros, unreadable};

/// Teams that have something due, in the order of their turns: `$1` is now, `$2` the most that may run of a team.
const TEAMS: &str = "
    WITH RECURSIVE fresh (team_id) AS (
        SELECT (SELECT team_id FROM jobs WHERE state = 'queued' AND not_before IS NULL AND kind <> 'batch'
                ORDER BY team_id LIMIT 1)
        UNION ALL
        SELECT (SELECT team_id FROM jobs
                WHERE state = 'queued' AND not_before IS NULL AND kind <> 'batch' AND team_id > fresh.team_id
                ORDER BY team_id LIMIT 1)
        FROM fresh WHERE fresh.team_id IS NOT NULL
    ), later (team_id) AS (
        SELECT (SELECT team_id FROM jobs WHERE state = 'queued' AND not_before IS NOT NULL AND kind <> 'batch'
                ORDER BY team_id LIMIT 1)
        UNION ALL
        SELECT (SELECT team_id FROM jobs
                WHERE state = 'queued' AND not_before IS NOT NULL AND kind <> 'batch' AND team_id > later.team_id
                ORDER BY team_id LIMIT 1)
        FROM later WHERE later.team_id IS NOT NULL
    ), due (team_id, batch) AS (
        SELECT team_id, 0 FROM fresh WHERE team_id IS NOT NULL
        UNION ALL
        SELECT team_id, 0 FROM later
        WHERE (SELECT not_before FROM jobs
               WHERE state = 'queued' AND not_before IS NOT NULL AND kind <> 'batch' AND team_id = later.team_id
               ORDER BY not_before LIMIT 1) <= $1
        UNION ALL
        SELECT team_id, 1 FROM jobs
        WHERE state = 'queued' AND kind = 'batch' AND (not_before IS NULL OR not_before <= $1)
        UNION ALL
        SELECT team_id, CASE kind WHEN 'batch' THEN 1 ELSE 0 END FROM jobs WHERE state = 'running' AND lease_until <= $1
    ), teams (team_id, batch, running) AS (
        SELECT team_id, max(batch),
               (SELECT count(*) FROM jobs WHERE jobs.team_id = due.team_id AND state = 'running' AND lease_until > $1
                                                AND kind <> 'batch')
        FROM due GROUP BY team_id
    )
    SELECT teams.team_id, teams.batch, teams.running,
           (SELECT priority FROM jobs
            WHERE state = 'queued' AND not_before IS NULL AND kind <> 'batch' AND jobs.team_id = teams.team_id
            ORDER BY priority LIMIT 1) AS urgent
    FROM teams LEFT JOIN job_turns ON job_turns.team_id = teams.team_id
    WHERE teams.batch = 1 OR teams.running < $2
    ORDER BY teams.running, job_turns.claimed_at NULLS FIRST, teams.team_id";

impl SqliteStore {
    pub(super) async fn list_teams_due(
        &self,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<TeamDue>, PortError> {
        let query = sqlx::query_as(TEAMS).bind(micros(now)).bind(i64::MAX);
        let teams: Vec<TeamRow> = self.read_all("list teams that wait", query).await?;
        teams.into_iter().take(limit).map(TeamRow::read).collect()
    }

    pub(super) async fn claim_next_job(
        &self,
        terms: ClaimTerms,
    ) -> Result<Option<(Job, LeaseToken)>, PortError> {
        const ATTEMPTED: &str = "claim a job";
        // Looking costs no write lock; many looks find nothing.
        let looking = sqlx::query_as(TEAMS).bind(micros(terms.now)).bind(most(terms));
        if self.read_all::<TeamRow>(ATTEMPTED, looking).await?.is_empty() {
            return Ok(None);
        }
        self.transact(ATTEMPTED, async |connection| {
            let query = sqlx::query_as(TEAMS).bind(micros(terms.now)).bind(most(terms));
            let teams: Vec<TeamRow> = query.fetch_all(&mut *connection).await?;
            for team in teams {
                if let Some((job, lease)) = take(connection, &team.team_id, terms).await? {
                    note_turn(connection, job.principal.team, terms.now).await?;
                    let data = json!({ "attempt": job.attempts });
                    add_call_event(connection, &job, "running", &data, terms.now).await?;
                    return Ok(Some((job, lease)));
                }
            }
            Ok(None)
        })
        .await
    }
}

fn most(terms: ClaimTerms) -> i64 {
    i64::try_from(terms.most_per_team).unwrap_or(i64::MAX)
}

#[derive(FromRow)]
struct TeamRow {
    team_id: String,
    batch: i64,
    running: i64,
    urgent: Option<i64>,
}

impl TeamRow {
    fn read(self) -> Result<TeamDue, PortError> {
        let row = Row { table: "jobs", id: &self.team_id };
        let rank = |number| u8::try_from(number).ok().and_then(Priority::from_rank);
        Ok(TeamDue {
            team: row.parse("team_id", &self.team_id)?,
            running: row.number("running", self.running)?,
            batch: self.batch == 1,
            urgent: self.urgent.and_then(rank),
        })
    }
}

/// Takes the job of a team whose turn it is. Of what shall be tried again only the first hundred are compared by urgency.
async fn take(
    connection: &mut SqliteConnection,
    team: &str,
    terms: ClaimTerms,
) -> Result<Option<(Job, LeaseToken)>, sqlx::Error> {
    let row: Option<ClaimedRow> = sqlx::query_as(concat!(
        "WITH due (id, rank, priority) AS (
             SELECT id, 0, priority FROM jobs
             WHERE team_id = $1 AND state = 'queued' AND kind = 'batch' AND (not_before IS NULL OR not_before <= $2)
             UNION ALL
             SELECT id, CASE kind WHEN 'batch' THEN 0 ELSE 1 END, priority FROM jobs
             WHERE team_id = $1 AND state = 'running' AND lease_until <= $2
             UNION ALL
             SELECT * FROM (SELECT id, 1, priority FROM jobs
                 WHERE team_id = $1 AND state = 'queued' AND not_before IS NULL AND kind <> 'batch'
                 ORDER BY priority, id LIMIT 1) AS fresh
             UNION ALL
             SELECT * FROM (SELECT id, 1, priority FROM jobs
                 WHERE team_id = $1 AND state = 'queued' AND not_before IS NOT NULL AND not_before <= $2
                       AND kind <> 'batch'
                 ORDER BY not_before LIMIT 100) AS later)
         UPDATE jobs
         SET state = 'running', attempts = attempts + 1, lease = lease + 1, lease_until = $3, not_before = NULL,
             started_at = coalesce(started_at, $2), updated_at = $2
         WHERE id = (SELECT id FROM due
                     WHERE rank = 0 OR $4 > (SELECT count(*) FROM jobs WHERE team_id = $1 AND state = 'running'
                                                                          AND lease_until > $2 AND kind <> 'batch')
                     ORDER BY rank, priority, id LIMIT 1)
         RETURNING lease, ",
        columns!()
    ))
    .bind(team)
    .bind(micros(terms.now))
    .bind(micros(terms.lease_until))
    .bind(most(terms))
    .fetch_optional(&mut *connection)
    .await?;
    row.map(ClaimedRow::read).transpose().map_err(unreadable)
}

async fn note_turn(
    connection: &mut SqliteConnection,
    team: TeamId,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO job_turns (team_id, claimed_at) VALUES ($1, $2)
         ON CONFLICT (team_id) DO UPDATE SET claimed_at = excluded.claimed_at",
    )
    .bind(team.to_string())
    .bind(micros(now))
    .execute(connection)
    .await
    .map(drop)
}
