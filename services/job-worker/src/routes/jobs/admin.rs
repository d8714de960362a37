//! `/admin/v1/jobs`: how much work there is, and what was set aside.

use actix_web::{get, post, web};
use chrono::{DateTime, Utc};
use outcrop_http::{Allowed, ApiError, JsonBytes, permission, require};
use outcrop_policy::Resource;
use outcrop_ports::{Backlog, DeadLetter, JobFilter, PortError, QueueDepth};
use outcrop_types::{ErrorCode, JobId, Permission, TeamId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::super::query::{self, Asked};
use super::view::{self, JobView};
use crate::JobWorker;
use crate::metrics::per_worker;

/// Most jobs that one request sends back to the queue, and most that are shown of what was set aside.
const MOST: usize = 1_000;
/// How many are read at a time.
const PAGE: usize = 100;

#[derive(Debug, Serialize)]
struct BacklogView {
    object: &'static str,
    due: u64,
    later: u64,
    running: u64,
    oldest_s: u64,
    dead: u64,
    /// Processes that work jobs off.
    workers: u64,
    /// Jobs that are due for each of them, of which one is taken to be there: the figure to scale on.
    backlog_per_worker: Box<RawValue>,
    queue: QueueView,
}

#[derive(Debug, Serialize)]
struct QueueView {
    waiting: u64,
    in_flight: u64,
    delayed: u64,
    dead: Option<u64>,
}

#[derive(Debug, Serialize)]
struct DeadView {
    object: &'static str,
    /// Jobs that were set aside, the newest first.
    data: Vec<DeadJob>,
    has_more: bool,
    /// Messages that the queue has set aside, as many as it shows at once, and beside the first page alone.
    messages: Vec<MessageView>,
}

#[derive(Debug, Serialize)]
struct DeadJob {
    team_id: TeamId,
    #[serde(flatten)]
    job: JobView,
}

#[derive(Debug, Serialize)]
struct MessageView {
    body: String,
    reason: Option<String>,
    attempts: Option<u32>,
    died_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RedriveJobs {
    ids: Option<Vec<JobId>>,
    all: Option<bool>,
}

/// What went back to the queue.
#[derive(Debug, Default, Serialize)]
struct Redriven {
    jobs: Vec<JobId>,
    /// Those that were not set aside, or are not there.
    not_dead: Vec<JobId>,
    messages: usize,
    /// Whether more are left than one request sends back.
    has_more: bool,
}

/// How much work there is, of all teams.
#[get("/admin/v1/jobs/backlog")]
pub(in super::super) async fn show_backlog(
    caller: Allowed<permission::ManagePlatform>,
    worker: web::Data<JobWorker>,
) -> Result<web::Json<impl Serialize>, ApiError> {
    require(&caller.principal, Permission::ManagePlatform, Resource::Platform)?;
    worker.work_at_hand().await.map(web::Json).map_err(ApiError::from_error)
}

/// What was set aside, of all teams.
#[get("/admin/v1/jobs/dead")]
pub(in super::super) async fn show_dead(
    caller: Allowed<permission::ManagePlatform>,
    worker: web::Data<JobWorker>,
    query: web::Query<query::Pairs>,
) -> Result<web::Json<impl Serialize>, ApiError> {
    require(&caller.principal, Permission::ManagePlatform, Resource::Platform)?;
    let mut asked = Asked::usual(PAGE);
    query::read(&query, |name, value| asked.take(name, value, "a job"))?;
    let filter = JobFilter { dead: true, ..JobFilter::default() };
    let page = worker.list(&filter, asked.after, asked.limit).await.map_err(ApiError::from_error)?;
    let letters = match asked.after {
        None => worker.ports.queue.dead_letters(PAGE).await.map_err(ApiError::from_error)?,
        Some(_) => Vec::new(),
    };
    let dead =
        |job: outcrop_types::Job| Ok(DeadJob { team_id: job.principal.team, job: view::of(job, None)? });
    let data = page.items.into_iter().map(dead).collect::<Result<_, ApiError>>()?;
    let messages = letters.into_iter().map(MessageView::from).collect();
    Ok(web::Json(DeadView { object: "list", data, has_more: page.has_more, messages }))
}

/// Sends what was set aside back to the queue.
#[post("/admin/v1/jobs/redrive")]
pub(in super::super) async fn send_back(
    caller: Allowed<permission::ManagePlatform>,
    worker: web::Data<JobWorker>,
    body: JsonBytes,
) -> Result<web::Json<impl Serialize>, ApiError> {
    require(&caller.principal, Permission::ManagePlatform, Resource::Platform)?;
    let asked: RedriveJobs = outcrop_wire::json::parse(&body.0)?;
    let redriven = match (asked.ids, asked.all) {
        (Some(ids), None | Some(false)) if ids.len() <= MOST => worker.redrive_these(ids).await,
        (None, Some(true)) => worker.redrive_all().await,
        _ => return Err(which()),
    };
    let redriven = redriven.map_err(ApiError::from_error)?;
    let (jobs, messages) = (redriven.jobs.len(), redriven.messages);
    tracing::info!(subject.id = %caller.principal.subject, jobs, messages, "work was sent back to the queue");
    Ok(web::Json(redriven))
}

impl JobWorker {
    async fn redrive_these(&self, ids: Vec<JobId>) -> Result<Redriven, PortError> {
        let mut redriven = Redriven::default();
        for id in ids {
            match self.redrive_one_of_many(id).await? {
                Some(job) => redriven.jobs.push(job.id),
                None => redriven.not_dead.push(id),
            }
        }
        Ok(redriven)
    }

    /// All that there is, up to a bound: whoever asks again gets the rest.
    async fn redrive_all(&self) -> Result<Redriven, PortError> {
        let filter = JobFilter { dead: true, ..JobFilter::default() };
        let mut redriven = Redriven::default();
        let mut after = None;
        while redriven.jobs.len() < MOST {
            let page = self.list(&filter, after, PAGE).await?;
            after = page.items.last().map(|job| job.id);
            let ids = page.items.iter().map(|job| job.id).collect();
            redriven.jobs.extend(self.redrive_these(ids).await?.jobs);
            redriven.has_more = page.has_more;
            if !page.has_more {
                break;
            }
        }
        // The job's own nudge is there: these are for what is left of messages alone.
        for letter in self.ports.queue.dead_letters(PAGE).await? {
            redriven.messages += usize::from(self.ports.queue.redrive(&letter).await?);
        }
        Ok(redriven)
    }

    /// How much work there is, by the rows and by the messages.
    async fn work_at_hand(&self) -> Result<BacklogView, PortError> {
        let now = self.ports.clock.now();
        let Backlog { due, later, running, oldest_s, dead } = self.ports.jobs.backlog(now).await?;
        let workers = self.ports.jobs.count_workers(now).await?;
        let backlog_per_worker = RawValue::from_string(per_worker(due, workers))
            .map_err(|error| PortError::broken("write how much work there is", error))?;
        let QueueDepth { waiting, in_flight, delayed, dead: set_aside } = self.ports.queue.depth().await?;
        let queue = QueueView { waiting, in_flight, delayed, dead: set_aside };
        let object = "jobs.backlog";
        Ok(BacklogView { object, due, later, running, oldest_s, dead, workers, backlog_per_worker, queue })
    }
}

impl From<DeadLetter> for MessageView {
    fn from(DeadLetter { receipt: _, body, reason, attempts, died_at, trace: _ }: DeadLetter) -> Self {
        Self { body, reason, attempts, died_at }
    }
}

fn which() -> ApiError {
    let message = format!("either `ids`, at most {MOST} of them, or `all`: true");
    ApiError::new(ErrorCode::InvalidRequest, message).with_param("ids")
}
