//! Asynchronous work: the row that is the truth about a job.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{Choice, JobId, Principal, ResponseId, Used};

/// What kind of work a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// One model call: a path of the inference service and the body to send there.
    Call,
    /// A batch as a whole: its file is checked and cut into parts, and put together when they are done.
    Batch,
    /// A part of a batch: some lines of its file.
    Part,
}

impl JobKind {
    const ALL: [Self; 3] = [Self::Call, Self::Batch, Self::Part];

    /// The name used in the API and the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Batch => "batch",
            Self::Part => "part",
        }
    }

    /// Reads a name back.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }
}

/// What goes first among the jobs of one team; between teams it says nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Before the others.
    High,
    /// As usual.
    #[default]
    Normal,
    /// When nothing else waits.
    Low,
}

impl Priority {
    /// Every priority, the first first.
    pub const ALL: [Self; 3] = [Self::High, Self::Normal, Self::Low];

    /// The name used in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Normal => "normal",
            Self::Low => "low",
        }
    }

    /// Reads a name back.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }

    /// Its rank in the database: what goes first is lower.
    #[must_use]
    pub const fn rank(self) -> u8 {
        match self {
            Self::High => 0,
            Self::Normal => 1,
            Self::Low => 2,
        }
    }

    /// Reads a rank back.
    #[must_use]
    pub fn from_rank(rank: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.rank() == rank)
    }
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Accepted, waiting for a worker.
    Queued,
    /// A worker holds its lease.
    Running,
    /// Done; the result is in the blob store.
    Succeeded,
    /// Given up; `error` says why.
    Failed,
    /// Cancelled by its owner.
    Cancelled,
    /// Not done by its deadline.
    Expired,
}

impl JobState {
    /// Every state.
    pub const ALL: [Self; 6] =
        [Self::Queued, Self::Running, Self::Succeeded, Self::Failed, Self::Cancelled, Self::Expired];

    /// The name used in the API and the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }

    /// Reads a name back.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }

    /// Whether nothing will change any more.
    #[must_use]
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

/// A client's own key for a request, so that repeating it does no harm: 1 to 255 visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct IdempotencyKey(String);

/// An `Idempotency-Key` that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an idempotency key is 1 to 255 visible ASCII characters")]
pub struct MalformedIdempotencyKey;

impl FromStr for IdempotencyKey {
    type Err = MalformedIdempotencyKey;

    fn from_str(text: &str) -> Result<Self, MalformedIdempotencyKey> {
        let fits = (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if fits { Ok(Self(text.to_owned())) } else { Err(MalformedIdempotencyKey) }
    }
}

impl IdempotencyKey {
    /// The key as given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Fences off a worker whose lease has passed to another: a number that grows with every claim of the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LeaseToken(pub i64);

/// One job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// What kind of work.
    pub kind: JobKind,
    /// The job that it is a part of.
    pub parent: Option<JobId>,
    /// On whose behalf it runs.
    pub principal: Principal,
    /// The inference path to call, such as `/v1/chat/completions`.
    pub path: String,
    /// Blob key of the request's body; of a batch and its parts, of the file of lines.
    pub input: String,
    /// The client's own key, unique within its team.
    pub idempotency_key: Option<IdempotencyKey>,
    /// What tells this request from another under the same idempotency key: a digest of path and body.
    pub fingerprint: String,
    /// What goes first among those of its team.
    pub priority: Priority,
    /// When it is of no use any more.
    pub deadline: Option<DateTime<Utc>>,
    /// What its owner says of it: at most 16 entries.
    pub metadata: BTreeMap<String, String>,
    /// The answer of the Responses API that it makes in the background.
    pub response: Option<ResponseId>,
    /// Where in a trace it was submitted, as W3C's `traceparent`: whoever works at it goes on there. Never shown to clients.
    #[serde(default)]
    pub trace: Option<String>,
    /// Where it stands.
    pub state: JobState,
    /// How often a worker has claimed it, without the claims that were given back uncounted.
    pub attempts: u32,
    /// The HTTP status the call was answered with, once it was.
    pub status: Option<u16>,
    /// Blob key of the result, once there is one.
    pub output: Option<String>,
    /// Why it failed, in words for its owner.
    pub error: Option<String>,
    /// Whether it was set aside because nobody came to an end with it: it can be sent back to the queue.
    pub dead: bool,
    /// How it is done, once that is decided.
    pub choice: Option<Choice>,
    /// What it used so far. That of a batch is the sum over its parts.
    pub used: Used,
    /// When it was accepted.
    pub created_at: DateTime<Utc>,
    /// When work on it first began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it came to its end.
    pub ended_at: Option<DateTime<Utc>>,
    /// When its row last changed.
    pub updated_at: DateTime<Utc>,
}

/// Something that happened to a job. Kept as long as the job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobEvent {
    /// Its number among those of the job, from 1.
    pub seq: u32,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// What, such as `job.running` or `batch.completed`.
    pub name: String,
    /// What there is to know besides: JSON, an object.
    pub data: serde_json::Value,
}
