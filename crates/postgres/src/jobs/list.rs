//! Looking at jobs and at what happened to them.

use std::collections::HashMap;

use outcrop_ports::{JobFilter, PortError};
use outcrop_types::{Job, JobEvent, JobId, JobKind, JobState, Page, Used};
use sqlx::{Postgres, QueryBuilder};

use super::rows::{EventRow, JobRow, columns};
use crate::PostgresStore;
use crate::rows::{Row, one_more, storable};

impl PostgresStore {
    pub(super) async fn page_of_jobs(
        &self,
        filter: &JobFilter,
        after: Option<JobId>,
        limit: usize,
    ) -> Result<Page<Job>, PortError> {
        if !is_storable(filter) {
            return Ok(Page::from_one_too_many(Vec::new(), limit));
        }
        let mut query = QueryBuilder::new(concat!("SELECT ", columns!(), " FROM jobs WHERE "));
        query.push(if filter.dead { "dead" } else { "kind <> 'part'" });
        push_filter(&mut query, filter);
        if let Some(after) = after {
            query.push(" AND id < ").push_bind(after.to_string());
        }
        query.push(" ORDER BY id DESC LIMIT ").push_bind(one_more(limit));
        let rows: Vec<JobRow> = self.fetch_all("list jobs", query.build_query_as()).await?;
        let mut jobs = rows.into_iter().map(JobRow::read).collect::<Result<Vec<_>, _>>()?;
        self.add_use_of_parts(&mut jobs).await?;
        Ok(Page::from_one_too_many(jobs, limit))
    }

    /// Adds to batches that have not ended what their parts used so far; an ended batch has it all in its own row.
    pub(super) async fn add_use_of_parts(&self, jobs: &mut [Job]) -> Result<(), PortError> {
        let mut batches: HashMap<String, &mut Used> = jobs
            .iter_mut()
            .filter(|job| job.kind == JobKind::Batch && !job.state.is_final())
            .map(|job| (job.id.to_string(), &mut job.used))
            .collect();
        if batches.is_empty() {
            return Ok(());
        }
        let mut query = QueryBuilder::new("SELECT parent_id, used FROM jobs WHERE parent_id IN (");
        let mut ids = query.separated(", ");
        for id in batches.keys() {
            ids.push_bind(id.clone());
        }
        query.push(")");
        let parts: Vec<(String, String)> =
            self.fetch_all("sum up what parts of batches used", query.build_query_as()).await?;
        for (batch, used) in parts {
            if let Some(sum) = batches.get_mut(&batch) {
                **sum += Row { table: "jobs", id: &batch }.json("used", &used)?;
            }
        }
        Ok(())
    }

    pub(super) async fn events_of_job(
        &self,
        id: JobId,
        after: u32,
        limit: usize,
    ) -> Result<Vec<JobEvent>, PortError> {
        let query = sqlx::query_as(
            "SELECT job_id, seq, at, name, data FROM job_events WHERE job_id = $1 AND seq > $2
             ORDER BY seq LIMIT $3",
        )
        .bind(id.to_string())
        .bind(i64::from(after))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX));
        let rows: Vec<EventRow> = self.fetch_all("read what happened to a job", query).await?;
        rows.into_iter().map(EventRow::read).collect()
    }
}

/// Whether anything can be what the filter asks for.
fn is_storable(filter: &JobFilter) -> bool {
    let (key, value) = filter.metadata.as_ref().map(|(key, value)| (&**key, &**value)).unwrap_or_default();
    [key, value, filter.path.as_deref().unwrap_or_default()].into_iter().all(storable)
}

fn push_filter(query: &mut QueryBuilder<Postgres>, filter: &JobFilter) {
    if let Some(team) = filter.team {
        query.push(" AND team_id = ").push_bind(team.to_string());
    }
    if let Some(state) = filter.state {
        push_state(query, state);
    }
    if let Some(kind) = filter.kind {
        query.push(" AND kind = ").push_bind(kind.name());
    }
    if let Some(path) = &filter.path {
        query.push(" AND path = ").push_bind(path.clone());
    }
    if let Some((key, value)) = &filter.metadata {
        // A NUL cannot be turned into `jsonb`; what has one is not looked into.
        query.push(" AND CASE WHEN strpos(metadata, '\\u0000') > 0 THEN FALSE ELSE metadata::jsonb ->> ");
        query.push_bind(key.clone()).push(" = ").push_bind(value.clone()).push(" END");
    }
}

/// A batch that was begun counts as running until it has ended, although nobody holds it while its parts are done.
fn push_state(query: &mut QueryBuilder<Postgres>, state: JobState) {
    const BEGUN: &str = "(kind = 'batch' AND state = 'queued' AND started_at IS NOT NULL)";
    match state {
        JobState::Queued => query.push(" AND state = 'queued' AND NOT ").push(BEGUN),
        JobState::Running => query.push(" AND (state = 'running' OR ").push(BEGUN).push(")"),
        _ => query.push(" AND state = ").push_bind(state.name()),
    };
}
