//! A job worker's desk that takes notes and says what it is told to say.

use std::collections::HashMap;
use std::sync::Mutex;

use async_trait::async_trait;
use bytes::Bytes;
use outcrop_ports::{DeskRead, JobAnswer, JobAsk, JobDesk, PortError};
use outcrop_types::{JobId, Principal};
use serde_json::{Value, json};
use uuid::Uuid;

#[derive(Debug, Default)]
pub(crate) struct MemoryDesk {
    pub(crate) asks: Mutex<Vec<JobAsk>>,
    pub(crate) cancelled: Mutex<Vec<JobId>>,
    pub(crate) forgotten: Mutex<Vec<JobId>>,
    /// Whether jobs are taken in and the answer is lost.
    pub(crate) mute: Mutex<bool>,
    /// How each job stands; `Null` is a job that is not there.
    state: Mutex<Value>,
    /// The job that is there already, whatever is asked.
    pub(crate) existing: Mutex<Option<JobId>>,
    /// What is answered to everything, if anything.
    refusal: Mutex<Option<(u16, Value)>>,
    pub(crate) away: Mutex<bool>,
    /// What the REST face has, by path and query; without the query where it is the same for all.
    kept: Mutex<HashMap<String, Bytes>>,
}

impl MemoryDesk {
    /// From now on every job stands so.
    pub(crate) fn stands(&self, state: Value) {
        *self.state.lock().unwrap() = state;
    }

    pub(crate) fn refuses(&self, status: u16, problem: Value) {
        *self.refusal.lock().unwrap() = Some((status, problem));
    }

    /// From now on this is at a path, or at a path with a query.
    pub(crate) fn keeps(&self, address: impl Into<String>, body: impl Into<Bytes>) {
        self.kept.lock().unwrap().insert(address.into(), body.into());
    }

    /// The body of the job that was asked for last.
    pub(crate) fn asked(&self) -> Value {
        serde_json::from_slice(&self.asks.lock().unwrap().last().unwrap().body).unwrap()
    }

    fn answer(&self, status: u16, id: JobId, mut job: Value) -> Result<JobAnswer, PortError> {
        if *self.away.lock().unwrap() {
            return Err(PortError::unavailable("hand work over", "the desk is away"));
        }
        let refusal = self.refusal.lock().unwrap().clone();
        let (status, body) = refusal.unwrap_or_else(|| {
            if job.is_null() {
                return (404, json!({ "detail": "there is no such job" }));
            }
            job["id"] = json!(id);
            (status, job)
        });
        Ok(JobAnswer { status, body: Bytes::from(body.to_string()), retry_after: None })
    }
}

#[async_trait]
impl JobDesk for MemoryDesk {
    async fn submit(&self, ask: JobAsk) -> Result<JobAnswer, PortError> {
        let existing = *self.existing.lock().unwrap();
        let made = JobId::new(ask.response.map_or_else(|| Uuid::from_u128(5), |it| it.uuid()));
        self.asks.lock().unwrap().push(ask);
        if *self.mute.lock().unwrap() {
            self.existing.lock().unwrap().get_or_insert(made);
            return Err(PortError::unavailable("hand work over", "the answer was lost"));
        }
        self.answer(202, existing.unwrap_or(made), json!({ "status": "queued" }))
    }

    async fn look(&self, _: &Principal, id: JobId) -> Result<JobAnswer, PortError> {
        let state = self.state.lock().unwrap().clone();
        self.answer(200, id, state)
    }

    async fn read(&self, _: &Principal, what: &DeskRead) -> Result<JobAnswer, PortError> {
        if *self.away.lock().unwrap() {
            return Err(PortError::unavailable("read what is kept", "the desk is away"));
        }
        let (path, query) = what.address();
        let exactly = query.map(|query| format!("{path}?{query}"));
        let kept = self.kept.lock().unwrap();
        let body = exactly.and_then(|address| kept.get(&address)).or_else(|| kept.get(&path)).cloned();
        let problem = |text: String| Bytes::from(json!({ "detail": text }).to_string());
        let (status, body) = match (what, body) {
            (_, None) => (404, problem("there is no such thing".to_owned())),
            (DeskRead::Content(_, most), Some(body)) if body.len() as u64 > *most => {
                (413, problem(DeskRead::too_large(body.len() as u64, *most)))
            }
            (_, Some(body)) => (200, body),
        };
        Ok(JobAnswer { status, body, retry_after: None })
    }

    async fn cancel(&self, _: &Principal, id: JobId) -> Result<JobAnswer, PortError> {
        let answer = self.answer(200, id, json!({ "status": "cancelled" }))?;
        self.cancelled.lock().unwrap().push(id);
        Ok(answer)
    }

    async fn forget(&self, _: &Principal, id: JobId) -> Result<JobAnswer, PortError> {
        let answer = self.answer(200, id, json!({ "status": "cancelled" }))?;
        self.forgotten.lock().unwrap().push(id);
        Ok(answer)
    }
}
