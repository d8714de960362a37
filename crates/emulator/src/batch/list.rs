//! `GET /model-invocation-job/{id}`, `GET /model-invocation-jobs`, `POST /model-invocation-job/{id}/stop`

use super::forms;
use super::jobs::{Job, Status};
use crate::control::{choice, parameter};
use crate::errors::{Exception, Refusal};
use crate::reply;
use crate::state::State;
use actix_web::HttpResponse;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde_json::json;

/// One job.
pub(crate) fn get(state: &State, region: &str, name: &str) -> Result<HttpResponse, Refusal> {
    let job = find(state, region, name)?;
    reply::value(state, &job.told(&state.account_id))
}

/// Tells a job to end; what it has done until then it keeps.
pub(crate) fn stop(state: &State, region: &str, name: &str) -> Result<HttpResponse, Refusal> {
    let job = find(state, region, name)?;
    let stopped = state.batches.change(region, &job.id, |job| {
        let goes = !job.status.has_ended();
        if goes {
            job.status = Status::Stopping;
        }
        goes
    });
    if stopped != Some(true) {
        let message = format!("The job {name} cannot be stopped: it is {}.", job.status.word());
        return Err(Refusal::new(Exception::Conflict, message));
    }
    reply::value(state, &json!({}))
}

fn find(state: &State, region: &str, name: &str) -> Result<Job, Refusal> {
    let (of, id) = forms::identifier(name)?;
    let job = state.batches.find(region, id).filter(|_| of.is_none_or(|it| it == region));
    job.ok_or_else(|| {
        let message = format!("Could not find the model invocation job {name}.");
        Refusal::new(Exception::ResourceNotFound, message)
    })
}

/// A page of a region's jobs.
pub(crate) fn list(state: &State, region: &str, query: &str) -> Result<HttpResponse, Refusal> {
    let status = choice(query, "statusEquals", &Status::WORDS)?;
    let part = parameter(query, "nameContains")?;
    let after = time(query, "submitTimeAfter")?;
    let before = time(query, "submitTimeBefore")?;
    choice(query, "sortBy", &["CreationTime"])?;
    let order = choice(query, "sortOrder", &["Ascending", "Descending"])?;
    let limit = match parameter(query, "maxResults")? {
        None => 1_000,
        Some(text) => text.parse::<usize>().ok().filter(|it| (1..=1_000).contains(it)).ok_or_else(|| {
            Refusal::constraint("maxResults", Some(&text), "Member must have value between 1 and 1000")
        })?,
    };
    let start = match parameter(query, "nextToken")? {
        None => 0,
        Some(token) => token
            .strip_prefix("page-")
            .and_then(|it| it.parse::<usize>().ok())
            .ok_or_else(|| Refusal::validation("The nextToken provided is invalid."))?,
    };
    let mut jobs = state.batches.of(region);
    jobs.retain(|job| {
        status.as_ref().is_none_or(|it| it == job.status.word())
            && part.as_ref().is_none_or(|it| job.name.contains(it.as_str()))
            && after.is_none_or(|it| DateTime::from(job.submitted) >= it)
            && before.is_none_or(|it| DateTime::from(job.submitted) <= it)
    });
    if order.as_deref() != Some("Ascending") {
        jobs.reverse();
    }
    let end = jobs.len().min(start.saturating_add(limit));
    let page = jobs.get(start..end).unwrap_or_default();
    let page: Vec<_> = page.iter().map(|it| it.told(&state.account_id)).collect();
    let mut body = json!({ "invocationJobSummaries": page });
    if end < jobs.len() {
        body["nextToken"] = json!(format!("page-{end}"));
    }
    reply::value(state, &body)
}

fn time(query: &str, name: &str) -> Result<Option<DateTime>, Refusal> {
    let Some(text) = parameter(query, name)? else { return Ok(None) };
    let wrong = |_| Refusal::constraint(name, Some(&text), "Member must be a timestamp");
    DateTime::from_str(&text, Format::DateTimeWithOffset).map(Some).map_err(wrong)
}
