//! The jobs there are, and where each stands.

use super::pace::Batches;
use crate::charges::ChargedTokens;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// Jobs that are remembered; of those that ended, the oldest is forgotten first.
const KEPT: usize = 10_000;

/// Where a job stands, by the service's own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Submitted,
    Validating,
    InProgress,
    Completed,
    PartiallyCompleted,
    Failed,
    Stopping,
    Stopped,
    Expired,
}

impl Status {
    pub(crate) const WORDS: [&str; 10] = [
        "Submitted",
        "InProgress",
        "Completed",
        "Failed",
        "Stopping",
        "Stopped",
        "PartiallyCompleted",
        "Expired",
        "Validating",
        "Scheduled",
    ];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Submitted => "Submitted",
            Self::Validating => "Validating",
            Self::InProgress => "InProgress",
            Self::Completed => "Completed",
            Self::PartiallyCompleted => "PartiallyCompleted",
            Self::Failed => "Failed",
            Self::Stopping => "Stopping",
            Self::Stopped => "Stopped",
            Self::Expired => "Expired",
        }
    }

    pub(crate) fn has_ended(self) -> bool {
        !matches!(self, Self::Submitted | Self::Validating | Self::InProgress | Self::Stopping)
    }
}

/// What a job was asked to do, and how far it is.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) id: String,
    pub(crate) region: String,
    pub(crate) name: String,
    pub(crate) token: Option<String>,
    pub(crate) model: String,
    pub(crate) converse: bool,
    /// Bucket and key.
    pub(crate) input: (String, String),
    /// Bucket and key.
    pub(crate) output: (String, String),
    pub(crate) timeout_hours: u64,
    /// Members that are told as they were given.
    pub(crate) told: Value,
    pub(crate) status: Status,
    pub(crate) message: Option<String>,
    pub(crate) submitted: SystemTime,
    pub(crate) modified: SystemTime,
    pub(crate) ended: Option<SystemTime>,
    pub(crate) records: Records,
}

/// How many records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Records {
    pub(crate) total: u64,
    pub(crate) good: u64,
    pub(crate) bad: u64,
    pub(crate) tokens: ChargedTokens,
}

impl Job {
    pub(crate) fn arn(&self, account: &str) -> String {
        format!("arn:aws:bedrock:{}:{account}:model-invocation-job/{}", self.region, self.id)
    }

    /// It, as it is told.
    pub(crate) fn told(&self, account: &str) -> Value {
        let expires = self.submitted + Duration::from_secs(self.timeout_hours * 3_600);
        let mut job = json!({
            "jobArn": self.arn(account),
            "jobName": self.name,
            "modelId": self.model,
            "status": self.status.word(),
            "submitTime": iso(self.submitted),
            "lastModifiedTime": iso(self.modified),
            "jobExpirationTime": iso(expires),
            "timeoutDurationInHours": self.timeout_hours,
            "totalRecordCount": self.records.total,
            "processedRecordCount": self.records.good + self.records.bad,
            "successRecordCount": self.records.good,
            "errorRecordCount": self.records.bad,
        });
        if let (Value::Object(job), Value::Object(told)) = (&mut job, &self.told) {
            job.extend(told.clone());
            job.extend(self.ended.map(|it| ("endTime".to_owned(), json!(iso(it)))));
            job.extend(self.message.as_ref().map(|it| ("message".to_owned(), json!(it))));
        }
        job
    }
}

/// The time of this machine.
#[expect(
    clippy::disallowed_methods,
    reason = "it stands for a service with a clock of its own, and knows no port"
)]
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}

fn iso(time: SystemTime) -> String {
    DateTime::from(time).fmt(Format::DateTime).unwrap_or_default()
}

/// All jobs, of every region.
#[derive(Debug, Default)]
pub(crate) struct JobsState {
    jobs: Mutex<VecDeque<Job>>,
    batches: Mutex<Arc<Batches>>,
}

impl JobsState {
    pub(crate) fn new(batches: Batches) -> Self {
        let state = Self::default();
        state.set(batches);
        state
    }

    /// How jobs go.
    pub(crate) fn get(&self) -> Arc<Batches> {
        Arc::clone(&self.batches.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set(&self, batches: Batches) {
        *self.batches.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(batches);
    }

    /// Adds a job, unless one of its region has its token: the id of that one.
    pub(crate) fn add(&self, job: Job) -> Result<(), String> {
        let mut jobs = self.jobs();
        let same = |it: &&Job| it.token.is_some() && (&it.token, &it.region) == (&job.token, &job.region);
        if let Some(known) = jobs.iter().find(same) {
            return Err(known.id.clone());
        }
        if jobs.len() >= KEPT
            && let Some(at) = jobs.iter().position(|it| it.status.has_ended())
        {
            jobs.remove(at);
        }
        jobs.push_back(job);
        Ok(())
    }

    pub(crate) fn find(&self, region: &str, id: &str) -> Option<Job> {
        self.jobs().iter().find(|it| it.id == id && it.region == region).cloned()
    }

    /// Those of a region, oldest first.
    pub(crate) fn of(&self, region: &str) -> Vec<Job> {
        self.jobs().iter().filter(|it| it.region == region).cloned().collect()
    }

    /// Changes a job, and tells what `change` does.
    pub(crate) fn change<T>(&self, region: &str, id: &str, change: impl FnOnce(&mut Job) -> T) -> Option<T> {
        let mut jobs = self.jobs();
        let job = jobs.iter_mut().find(|it| it.id == id && it.region == region)?;
        job.modified = now();
        let changed = change(job);
        if job.status.has_ended() && job.ended.is_none() {
            job.ended = Some(job.modified);
        }
        Some(changed)
    }

    fn jobs(&self) -> MutexGuard<'_, VecDeque<Job>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
