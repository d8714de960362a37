//! The desk for other services in this process.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use bytes::Bytes;
use outcrop_http::{ApiError, require};
use outcrop_policy::Resource;
use outcrop_ports::{DeskRead, JobAnswer, JobAsk, JobDesk, PortError};
use outcrop_types::{JobId, Permission, Principal, TeamId};
use outcrop_wire::Dialect;
use outcrop_wire::error::{ErrorBody, render};

use crate::JobWorker;
use crate::routes::jobs::asked::Handed;
use crate::routes::jobs::view::{self, JobView};
use crate::routes::query;

/// The [`JobDesk`] port by a call in this process. The worker calls models through the service that hands it work, so one of
/// the two must be there first: the desk opens when the worker is put behind it.
#[derive(Clone, Default)]
pub struct LocalDesk(Arc<OnceLock<JobWorker>>);

impl LocalDesk {
    /// Opens the desk. A second worker changes nothing.
    pub fn open(&self, worker: JobWorker) {
        let _ = self.0.set(worker);
    }

    fn worker(&self) -> Result<&JobWorker, PortError> {
        self.0.get().ok_or_else(|| PortError::unavailable("hand work over", "nobody is at the desk yet"))
    }
}

#[async_trait]
impl JobDesk for LocalDesk {
    async fn submit(&self, ask: JobAsk) -> Result<JobAnswer, PortError> {
        let JobAsk { principal, request_id, body, idempotency_key, response } = ask;
        let worker = self.worker()?;
        let taken = async {
            require(&principal, Permission::WriteJobs, Resource::OwnTeam)?;
            let job = worker.take_in(Handed { principal, idempotency_key, response }, &body).await?;
            view::of(job, None)
        };
        answer(202, taken.await, Some(request_id.into()))
    }

    async fn look(&self, principal: &Principal, id: JobId) -> Result<JobAnswer, PortError> {
        let worker = self.worker()?;
        let found = async {
            require(principal, Permission::ReadJobs, Resource::OwnTeam)?;
            worker.shown(worker.find(principal.team, &id.to_string()).await?).await
        };
        answer(200, found.await, None)
    }

    async fn read(&self, principal: &Principal, what: &DeskRead) -> Result<JobAnswer, PortError> {
        let worker = self.worker()?;
        let found = async {
            require(principal, Permission::ReadJobs, Resource::OwnTeam)?;
            worker.kept(principal.team, what).await
        };
        Ok(match found.await {
            Ok(body) => JobAnswer { status: 200, body, retry_after: None },
            Err(error) => refused(Dialect::of_path(&what.address().0), error, None),
        })
    }

    async fn cancel(&self, principal: &Principal, id: JobId) -> Result<JobAnswer, PortError> {
        let worker = self.worker()?;
        let cancelled = async {
            require(principal, Permission::WriteJobs, Resource::OwnTeam)?;
            let job = worker.stop(worker.find(principal.team, &id.to_string()).await?).await?;
            view::of(job, None)
        };
        answer(200, cancelled.await, None)
    }

    async fn forget(&self, principal: &Principal, id: JobId) -> Result<JobAnswer, PortError> {
        let worker = self.worker()?;
        let forgotten = async {
            require(principal, Permission::WriteJobs, Resource::OwnTeam)?;
            view::of(worker.drop_content(principal.team, id).await?, None)
        };
        answer(200, forgotten.await, None)
    }
}

impl JobWorker {
    /// What the REST face would have shown.
    async fn kept(&self, team: TeamId, what: &DeskRead) -> Result<Bytes, ApiError> {
        Ok(match what {
            DeskRead::Jobs(query) => {
                let list = self.listed(team, &query::parse(query)?).await?;
                let broken = |error| ApiError::from_error(PortError::broken("show jobs", error));
                serde_json::to_vec(&list).map_err(broken)?.into()
            }
            DeskRead::Batch(id) => self.shown_batch(team, *id).await?.into(),
            DeskRead::Files(query) => self.shown_files(team, &query::parse(query)?).await?.into(),
            DeskRead::File(id) => self.shown_file(team, *id).await?.into(),
            DeskRead::Content(id, most) => self.file_content(team, *id, *most).await?,
        })
    }
}

/// What `/v1/jobs` would have answered.
fn answer(
    status: u16,
    shown: Result<JobView, ApiError>,
    request_id: Option<String>,
) -> Result<JobAnswer, PortError> {
    match shown {
        Ok(job) => {
            let body = serde_json::to_vec(&job).map_err(|error| PortError::broken("show a job", error))?;
            Ok(JobAnswer { status, body: Bytes::from(body), retry_after: None })
        }
        Err(error) => Ok(refused(Dialect::Outcrop, error, request_id)),
    }
}

fn refused(dialect: Dialect, error: ApiError, request_id: Option<String>) -> JobAnswer {
    if error.code.status() >= 500 {
        tracing::warn!(%error, error.source = ?error.source, "work that was handed over could not be seen to");
    }
    let retry_after = error.retry_after;
    let body = ErrorBody { code: error.code, message: error.message, param: error.param, request_id };
    let rendered = render(dialect, &body);
    JobAnswer { status: rendered.status, body: rendered.body.into(), retry_after }
}
