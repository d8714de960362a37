//! A file that a client keeps here. The words are those of OpenAI's Files API.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{FileId, Subject, TeamId};

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FilePurpose {
    /// The lines of a batch.
    #[serde(rename = "batch")]
    Batch,
    /// The answers or failures of a batch; made here only.
    #[serde(rename = "batch_output")]
    BatchOutput,
    /// For assistants.
    #[serde(rename = "assistants")]
    Assistants,
    /// For fine-tuning.
    FineTune,
    /// Pictures.
    Vision,
    /// Anything else.
    #[serde(rename = "user_data")]
    UserData,
    /// For evaluations.
    Evals,
}

impl FilePurpose {
    /// Every purpose.
    pub const ALL: [Self; 7] = [
        Self::Batch,
        Self::BatchOutput,
        Self::Assistants,
        Self::FineTune,
        Self::Vision,
        Self::UserData,
        Self::Evals,
    ];

    /// The name in the API and in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Batch => "batch",
            Self::BatchOutput => "batch_output",
            Self::Assistants => "assistants",
            Self::FineTune => "fine-tune",
            Self::Vision => "vision",
            Self::UserData => "user_data",
            Self::Evals => "evals",
        }
    }

    /// Reads a name back.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }
}

/// Whether a file can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileStatus {
    /// Announced; its bytes are sent to where they are kept, past us.
    Pending,
    /// All of it is here.
    Uploaded,
}

impl FileStatus {
    /// The name in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Uploaded => "uploaded",
        }
    }

    /// Reads a name back.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Pending, Self::Uploaded].into_iter().find(|it| it.name() == name)
    }
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredFile {
    /// Its id.
    pub id: FileId,
    /// Whose it is.
    pub team: TeamId,
    /// Who brought it.
    pub owner: Subject,
    /// What it is for.
    pub purpose: FilePurpose,
    /// Its name, as the client gave it: at most 255 characters.
    pub filename: String,
    /// Its size; of a pending one, the size that was announced.
    pub bytes: u64,
    /// SHA-256 in hexadecimal, where it is known.
    pub sha256: Option<String>,
    /// Whether it can be used.
    pub status: FileStatus,
    /// Blob key of its bytes.
    pub blob: String,
    /// When it came.
    pub created_at: DateTime<Utc>,
    /// When it is removed by itself.
    pub expires_at: Option<DateTime<Utc>>,
}
