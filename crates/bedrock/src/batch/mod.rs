//! Batch inference: calls as records of a file, and the jobs that answer such files.
//!
//! <https://docs.aws.amazon.com/bedrock/latest/userguide/batch-inference-data.html>

mod jobs;
mod record;

pub use jobs::BedrockBatches;
pub(crate) use record::{record, recorded};
