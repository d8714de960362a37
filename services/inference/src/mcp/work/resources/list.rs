//! Which resources there are: those that are always there, then jobs and files, newest first.

use chrono::{DateTime, SecondsFormat};
use outcrop_mcp::{Caller, Halt, Page};
use outcrop_types::{FileId, JobId, Permission};
use outcrop_wire::mcp::{Annotations, Resource, RpcError};

use super::contents::mime_type;
use crate::mcp::work::Work;
use crate::mcp::work::desk::{KeptFile, KeptJob};
use crate::mcp::work::place::Place;

/// Jobs, or files, of one page.
pub(super) const PAGE: usize = 50;

/// Where a page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum From {
    Start,
    Jobs(JobId),
    Files(Option<FileId>),
}

impl From {
    fn parse(cursor: Option<&str>) -> Result<Self, Halt> {
        let read = |cursor: &str| {
            Some(match cursor.split_once(':')? {
                ("jobs", id) => Self::Jobs(id.parse().ok()?),
                ("files", "") => Self::Files(None),
                ("files", id) => Self::Files(Some(id.parse().ok()?)),
                _ => return None,
            })
        };
        let wrong = || RpcError::invalid_params("params.cursor", "this is no cursor of this list");
        Ok(cursor.map_or(Ok(Self::Start), |cursor| read(cursor).ok_or_else(wrong))?)
    }
}

/// One page of what the caller may read.
pub(in crate::mcp::work) async fn page(
    work: &Work,
    caller: &Caller,
    cursor: Option<&str>,
) -> Result<Page<Resource>, Halt> {
    let (mut items, after) = match From::parse(cursor)? {
        From::Start => (fixed(caller), None),
        From::Jobs(id) => (Vec::new(), Some(id)),
        From::Files(after) => return files(work, caller, after).await,
    };
    if !caller.may(Permission::ReadJobs) {
        return Ok(Page::whole(items));
    }
    let list = work.jobs(caller, query(after)).await?;
    // One page asks for jobs or for files, never for both.
    let next = match list.data.last() {
        Some(last) if list.has_more => format!("jobs:{}", last.id),
        _ => "files:".to_owned(),
    };
    items.extend(list.data.iter().map(of_job));
    Ok(Page { items, next: Some(next) })
}

async fn files(work: &Work, caller: &Caller, after: Option<FileId>) -> Result<Page<Resource>, Halt> {
    if !caller.may(Permission::ReadJobs) {
        return Ok(Page::whole(Vec::new()));
    }
    let list = work.files(caller, query(after)).await?;
    let last = list.data.last().filter(|_| list.has_more);
    let next = last.map(|it| format!("files:{}", it.id));
    Ok(Page { items: list.data.iter().map(of_file).collect(), next })
}

/// The query of a page.
pub(super) fn query(after: Option<impl std::fmt::Display>) -> String {
    match after {
        Some(after) => format!("limit={PAGE}&after={after}"),
        None => format!("limit={PAGE}"),
    }
}

/// Those that are always there.
fn fixed(caller: &Caller) -> Vec<Resource> {
    let mut items = Vec::new();
    if caller.may(Permission::ReadModels) {
        items.push(json(&Place::Models, "models", "Models", "The models that you may call."));
    }
    items.push(json(&Place::Usage, "usage_me", "My usage", "What you used, and where your limits stand."));
    if caller.may(Permission::ReadJobs) {
        items.push(json(&Place::Jobs, "jobs", "Jobs", "The team's newest jobs and batches."));
        items.push(json(&Place::Files, "files", "Files", "The team's newest files."));
    }
    items
}

fn json(place: &Place, name: &str, title: &str, description: &str) -> Resource {
    Resource {
        uri: place.to_string(),
        name: name.to_owned(),
        title: Some(title.to_owned()),
        description: Some(description.to_owned()),
        mime_type: Some("application/json".to_owned()),
        ..Resource::default()
    }
}

fn of_job(job: &KeptJob) -> Resource {
    let (place, what) = match job.batch_id {
        Some(batch) => (Place::Batch(batch), "Batch of calls"),
        None => (Place::Job(job.id), "Call"),
    };
    let name = job.batch_id.map_or_else(|| job.id.to_string(), |id| id.to_string());
    let description = format!("{what} of {}, {}", job.path, job.status.name());
    let last_modified = job.updated_at.as_str().map(str::to_owned);
    let annotations = Annotations { last_modified, ..Annotations::default() };
    Resource {
        uri: place.to_string(),
        name,
        description: Some(description),
        mime_type: Some("application/json".to_owned()),
        annotations: Some(annotations),
        ..Resource::default()
    }
}

fn of_file(file: &KeptFile) -> Resource {
    let made = DateTime::from_timestamp(file.created_at, 0);
    let last_modified = made.map(|at| at.to_rfc3339_opts(SecondsFormat::Secs, true));
    Resource {
        uri: Place::File(file.id).to_string(),
        name: file.id.to_string(),
        title: Some(file.filename.clone()),
        description: Some(format!("File for {}", file.purpose)),
        mime_type: mime_type(&file.filename).map(str::to_owned),
        size: Some(file.bytes),
        annotations: Some(Annotations { last_modified, ..Annotations::default() }),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_cursor_says_where_to_go_on() {
        let read = |cursor: &str| From::parse(Some(cursor)).ok();
        let id = Uuid::from_u128(7);
        assert_eq!(read(&format!("jobs:{}", JobId::new(id))), Some(From::Jobs(JobId::new(id))));
        assert_eq!(read("files:"), Some(From::Files(None)));
        assert_eq!(read(&format!("files:{}", FileId::new(id))), Some(From::Files(Some(FileId::new(id)))));
        for wrong in ["", "jobs", "jobs:", "jobs:7", "files:7", "models:"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        assert_eq!(From::parse(None).ok(), Some(From::Start));
    }
}
