//! How batch jobs go: as fast as can be, unless a test would have them slow, partial or failing.

use serde::{Deserialize, Serialize};

/// How jobs go. The JSON form is the body of `PUT /_emulator/batches`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Batches {
    /// Fewest records of a job: Bedrock's quota, which is 100 for most models.
    pub minimum_records: u64,
    /// How long a job is in each of `Submitted` and `Validating`, milliseconds.
    pub step_ms: u64,
    /// How long a record takes besides what its answer does, milliseconds.
    pub record_ms: u64,
    /// Records that are answered at a time; they leave in the opposite order.
    pub at_once: usize,
    /// How jobs end before their last record.
    pub end: Option<BatchEnd>,
    /// Why every job fails once it is validated.
    pub failure: Option<String>,
}

/// An end before the last record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BatchEnd {
    /// After how many records, at least.
    pub after: u64,
    /// Whether it then is `Expired`; else it is `PartiallyCompleted`.
    #[serde(default)]
    pub expired: bool,
}

impl Default for Batches {
    fn default() -> Self {
        Self { minimum_records: 100, step_ms: 0, record_ms: 0, at_once: 16, end: None, failure: None }
    }
}
