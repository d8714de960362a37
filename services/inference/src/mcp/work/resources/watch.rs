//! What changes of resources are told apart by.

use std::fmt::Write as _;
use std::time::Duration;

use outcrop_http::ApiError;
use outcrop_mcp::{Caller, Watched};
use outcrop_ports::DeskRead;
use outcrop_types::{FileId, JobId, Permission};

use super::contents::MayRead as _;
use super::list::query;
use crate::mcp::work::Work;
use crate::mcp::work::desk::{KeptBatch, KeptJob};
use crate::mcp::work::place::Place;
use crate::mcp::work::tags::{LONG, SHORT};

/// The name of the list under which its tag is remembered: no URI.
const LIST: &str = "list";

/// A text that changes whenever what is watched does; `None` where its changes are not told of: models change with a release,
/// files never, and what is used with every call.
pub(in crate::mcp::work) async fn tag(
    work: &Work,
    caller: &Caller,
    watched: &Watched,
) -> Result<Option<String>, ApiError> {
    let place = match watched {
        Watched::Resource(uri) => match Place::parse(uri).filter(|it| caller.may_read(it)) {
            Some(
                place @ (Place::Jobs | Place::Files | Place::Job(_) | Place::JobResult(_) | Place::Batch(_)),
            ) => Some(place),
            _ => return Ok(None),
        },
        Watched::Resources if caller.may(Permission::ReadJobs) => None,
        Watched::Resources | Watched::Tools | Watched::Prompts => return Ok(None),
    };
    let name = place.as_ref().map_or_else(|| LIST.to_owned(), ToString::to_string);
    let team = caller.principal.team;
    if let Some(tag) = work.tags.get(team, &name) {
        return Ok(tag);
    }
    let (tag, lasts) = match place {
        None => (Some(list(work, caller).await?), SHORT),
        Some(place) => look(work, caller, &place).await?,
    };
    work.tags.put(team, &name, tag.clone(), lasts);
    Ok(tag)
}

/// The tag of one resource, and for how long it is believed.
async fn look(work: &Work, caller: &Caller, place: &Place) -> Result<(Option<String>, Duration), ApiError> {
    let lasts = |is_over: bool| if is_over { LONG } else { SHORT };
    Ok(match *place {
        Place::Job(id) => match work.job(caller, id).await? {
            Some(job) => (Some(of_job(&job)), lasts(job.status.is_final())),
            None => (None, SHORT),
        },
        Place::JobResult(id) => match work.job(caller, id).await? {
            Some(job) => {
                let is_final = job.status.is_final();
                (Some(if is_final { of_job(&job) } else { String::new() }), lasts(is_final))
            }
            None => (None, SHORT),
        },
        Place::Batch(id) => match work.read::<KeptBatch>(caller, &DeskRead::Batch(id)).await? {
            Some(batch) => {
                let counts = batch.request_counts;
                let tag = format!("{} {} {} {}", batch.status, counts.total, counts.completed, counts.failed);
                (Some(tag), SHORT)
            }
            None => (None, SHORT),
        },
        Place::Jobs => (Some(jobs(work, caller, of_job).await?), SHORT),
        Place::Files => (Some(files(work, caller).await?), SHORT),
        Place::Models | Place::Model(_) | Place::Usage | Place::File(_) => (None, SHORT),
    })
}

/// The tag of the list: which jobs and files are the newest, and not how they stand.
async fn list(work: &Work, caller: &Caller) -> Result<String, ApiError> {
    let jobs = jobs(work, caller, |job| job.id.to_string()).await?;
    Ok(jobs + &files(work, caller).await?)
}

async fn jobs(work: &Work, caller: &Caller, tag: impl Fn(&KeptJob) -> String) -> Result<String, ApiError> {
    let list = work.jobs(caller, query(None::<JobId>)).await?;
    Ok(list.data.iter().map(|job| tag(job) + "\n").collect())
}

async fn files(work: &Work, caller: &Caller) -> Result<String, ApiError> {
    let list = work.files(caller, query(None::<FileId>)).await?;
    let mut tag = String::new();
    for file in &list.data {
        // Texts take everything.
        let _ = writeln!(tag, "{} {}", file.id, file.status);
    }
    Ok(tag)
}

fn of_job(job: &KeptJob) -> String {
    format!("{} {} {} {}", job.id, job.status.name(), job.attempts, job.updated_at)
}
