//! Which jobs to list: what stands behind the question mark of `GET /v1/jobs`.

use outcrop_http::ApiError;
use outcrop_ports::JobFilter;
use outcrop_types::{JobId, JobKind, JobState, TeamId};

use super::super::query::{self, Pairs, unknown, wrong};

const USUAL: usize = 20;

/// What a client asks to see.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) filter: JobFilter,
    pub(super) page: query::Asked<JobId>,
}

/// Reads the query.
pub(super) fn read(pairs: &Pairs, team: TeamId) -> Result<Asked, ApiError> {
    let filter = JobFilter { team: Some(team), ..JobFilter::default() };
    let mut asked = Asked { filter, page: query::Asked::usual(USUAL) };
    query::read(pairs, |name, value| take(&mut asked, name, value))?;
    Ok(asked)
}

fn take(asked: &mut Asked, name: &str, value: &str) -> Result<(), ApiError> {
    let filter = &mut asked.filter;
    match name {
        "status" => {
            filter.state = Some(word(name, value, &JobState::ALL.map(JobState::name), JobState::parse)?)
        }
        "kind" => filter.kind = Some(word(name, value, &["call", "batch"], JobKind::parse)?),
        "path" => filter.path = Some(value.to_owned()),
        "dead" => filter.dead = word(name, value, &["true", "false"], |it| Some(it == "true"))?,
        "after" | "limit" => asked.page.take(name, value, "a job")?,
        _ => {
            let entry = name.strip_prefix("metadata[").and_then(|rest| rest.strip_suffix(']'));
            let entry = entry.ok_or_else(|| unknown(name))?;
            if filter.metadata.is_some() {
                return Err(wrong(name, "one entry of `metadata` can be asked for at a time"));
            }
            filter.metadata = Some((entry.to_owned(), value.to_owned()));
        }
    }
    Ok(())
}

fn word<T>(
    name: &str,
    value: &str,
    known: &[&str],
    read: impl FnOnce(&str) -> Option<T>,
) -> Result<T, ApiError> {
    let found = known.contains(&value).then(|| read(value)).flatten();
    found.ok_or_else(|| wrong(name, format!("`{name}` must be one of {}", known.join(", "))))
}
