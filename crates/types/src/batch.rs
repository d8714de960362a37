//! A batch: many model calls, asked for in one file and answered in another.
//!
//! The words are those of OpenAI's Batch API (<https://platform.openai.com/docs/api-reference/batch>).

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{BatchId, FileId, JobId, JobState, TeamId, Used};

/// Where a batch stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchStatus {
    /// Its file is being checked.
    Validating,
    /// Its file is no good; `errors` says why.
    Failed,
    /// Its lines are being worked off.
    InProgress,
    /// Its output is being put together.
    Finalizing,
    /// Done.
    Completed,
    /// Not done in time; what was done is in the output.
    Expired,
    /// Being cancelled: what is under way may still end.
    Cancelling,
    /// Cancelled; what was done is in the output.
    Cancelled,
}

impl BatchStatus {
    /// Every status.
    pub const ALL: [Self; 8] = [
        Self::Validating,
        Self::Failed,
        Self::InProgress,
        Self::Finalizing,
        Self::Completed,
        Self::Expired,
        Self::Cancelling,
        Self::Cancelled,
    ];

    /// The name in the API and in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Validating => "validating",
            Self::Failed => "failed",
            Self::InProgress => "in_progress",
            Self::Finalizing => "finalizing",
            Self::Completed => "completed",
            Self::Expired => "expired",
            Self::Cancelling => "cancelling",
            Self::Cancelled => "cancelled",
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
        matches!(self, Self::Failed | Self::Completed | Self::Expired | Self::Cancelled)
    }
}

/// What is wrong with a batch's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchError {
    /// A word for programs, such as `invalid_json_line`.
    pub code: String,
    /// Words for people.
    pub message: String,
    /// The field at fault.
    pub param: Option<String>,
    /// The line at fault, from 1.
    pub line: Option<u64>,
}

/// How many lines there are, and how they ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchCounts {
    /// All of them; 0 until the file is checked.
    pub total: u64,
    /// Answered.
    pub completed: u64,
    /// Failed.
    pub failed: u64,
}

/// The work of a batch as Bedrock does it (`CreateModelInvocationJob`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BedrockBatch {
    /// The job's ARN; empty while it is being submitted: what is to be submitted is written and stays as it is.
    pub arn: String,
    /// The region that it runs in.
    pub region: String,
    /// The model, by the id that Bedrock knows.
    pub model: String,
    /// Blob key of the records that were sent.
    pub input: String,
    /// Blob key under which Bedrock writes.
    pub output: String,
    /// How many records were sent.
    pub records: u64,
    /// When it was submitted.
    pub submitted_at: DateTime<Utc>,
}

/// One batch. Its engine's half is the job with the same UUID.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// Its id.
    pub id: BatchId,
    /// Whose it is.
    pub team: TeamId,
    /// The path that every line calls.
    pub endpoint: String,
    /// The file of lines.
    pub input_file: FileId,
    /// As the client wrote it, such as `24h`.
    pub completion_window: String,
    /// What its owner says of it: at most 16 entries.
    pub metadata: BTreeMap<String, String>,
    /// How long its output files are kept, seconds from their making; `None` is as settings say.
    pub output_expires_after_s: Option<u64>,
    /// Where it stands.
    pub status: BatchStatus,
    /// What is wrong with its file; the first thousand.
    pub errors: Vec<BatchError>,
    /// The model of its lines, if it is one.
    pub model: Option<String>,
    /// The answers, once it has ended.
    pub output_file: Option<FileId>,
    /// The failures, once it has ended and if there are any.
    pub error_file: Option<FileId>,
    /// How far it is.
    pub counts: BatchCounts,
    /// What Bedrock does of it, where it is done by batch inference.
    pub bedrock: Option<BedrockBatch>,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When its file was found good.
    pub in_progress_at: Option<DateTime<Utc>>,
    /// When it is given up.
    pub expires_at: DateTime<Utc>,
    /// When its last line ended.
    pub finalizing_at: Option<DateTime<Utc>>,
    /// When it was done.
    pub completed_at: Option<DateTime<Utc>>,
    /// When its file was found bad.
    pub failed_at: Option<DateTime<Utc>>,
    /// When it was given up.
    pub expired_at: Option<DateTime<Utc>>,
    /// When its owner cancelled it.
    pub cancelling_at: Option<DateTime<Utc>>,
    /// When nothing of it was under way any more.
    pub cancelled_at: Option<DateTime<Utc>>,
}

/// Some lines of a batch's file, worked off by one worker at a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchPart {
    /// The job that works them off.
    pub job: JobId,
    /// Which part, from 0.
    pub number: u32,
    /// Number of its first line in the file, from 1 (empty lines count).
    pub first_line: u64,
    /// How many requests are in it.
    pub lines: u32,
    /// Where it begins in the file, bytes.
    pub from_byte: u64,
    /// Where it ends, bytes: that of the next one begins there.
    pub to_byte: u64,
    /// Where its job stands.
    pub state: JobState,
    /// How its lines ended so far.
    pub completed: u32,
    /// How many of them failed so far.
    pub failed: u32,
    /// What they used so far.
    pub used: Used,
    /// Blob key of its answers, once they are all in one place.
    pub output: Option<String>,
    /// Blob key of its failures, likewise.
    pub errors: Option<String>,
}

/// How a line ended: what is in the output, or in the file of errors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptLine {
    /// Its number in the file, from 1.
    pub line: u64,
    /// Whether it is for the output; otherwise for the file of errors.
    pub ok: bool,
    /// The whole line as it will stand there, without its end; or, of a long one, what [`blob`](Self::blob) holds.
    pub text: String,
    /// Blob key of the text, where it is too long for a row.
    pub blob: Option<String>,
    /// What it used.
    pub used: Used,
}
