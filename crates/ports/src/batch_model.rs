//! Bedrock's batch inference: many records in S3, answered there within a day, for half.

use std::time::Duration;

use async_trait::async_trait;

use crate::PortError;

/// A job to submit. It becomes `CreateModelInvocationJob`
/// (<https://docs.aws.amazon.com/bedrock/latest/APIReference/API_CreateModelInvocationJob.html>), of type `Converse`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchModelJob {
    /// Unique among ours; it also makes submitting twice one submission (`clientRequestToken`).
    pub name: String,
    /// The model.
    pub model: String,
    /// The region.
    pub region: String,
    /// Where the records are, `s3://bucket/key.jsonl`.
    pub input: String,
    /// Below what Bedrock writes, `s3://bucket/prefix/`.
    pub output: String,
    /// How long it may take: whole hours, 24 to 168.
    pub timeout: Duration,
}

/// Where a job stands (`GetModelInvocationJob`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BatchModelState {
    /// Submitted, validating, scheduled or in progress.
    Running,
    /// Done; the answers lie below the output.
    Completed,
    /// Some records were done, and lie below the output (`PartiallyCompleted`, `Expired`, `Stopped`, `Failed`); why.
    Ended {
        /// In Bedrock's words.
        why: String,
    },
    /// There is no such job.
    Gone,
}

/// Submits and watches batch inference.
#[async_trait]
pub trait BatchModels: Send + Sync + 'static {
    /// Submits a job; its ARN. A refusal that stays one is broken, anything else unavailable.
    async fn submit(&self, job: &BatchModelJob) -> Result<String, PortError>;

    /// Where a job stands.
    async fn look(&self, region: &str, arn: &str) -> Result<BatchModelState, PortError>;

    /// The ARN of the job of this name, if there is one: of a submission whose answer was lost.
    async fn find(&self, region: &str, name: &str) -> Result<Option<String>, PortError>;

    /// Stops a job. Stopping what has ended is no error.
    async fn stop(&self, region: &str, arn: &str) -> Result<(), PortError>;
}
