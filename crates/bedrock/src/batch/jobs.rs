//! The jobs of batch inference.

use std::fmt;

use async_trait::async_trait;
use outcrop_ports::{
    BatchModelJob, BatchModelState, BatchModels, ModelError, ModelFailure, Place, PortError,
};
use outcrop_types::Region;
use serde::Deserialize;
use serde_json::json;

use crate::{BedrockPlaces, ControlPlane};

const SUBMIT: &str = "submit a job of batch inference";
const LOOK: &str = "look at a job of batch inference";
const FIND: &str = "look for a job of batch inference";
const STOP: &str = "stop a job of batch inference";
/// Of the paths of one job.
const KIND: &str = "model-invocation-job";

/// Batch inference in our own account.
pub struct BedrockBatches {
    places: BedrockPlaces,
    role: String,
}

impl fmt::Debug for BedrockBatches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BedrockBatches").field("places", &self.places).finish_non_exhaustive()
    }
}

impl BedrockBatches {
    /// `role` is the ARN of the role that Bedrock takes to read and write S3.
    #[must_use]
    pub const fn new(places: BedrockPlaces, role: String) -> Self {
        Self { places, role }
    }

    fn at(&self, region: &str, attempted: &'static str) -> Result<ControlPlane, PortError> {
        let region: Region = region.parse().map_err(|error| PortError::broken(attempted, error))?;
        let place = Place { account: None, region };
        self.places.control(&place).map_err(|error| PortError::broken(attempted, error))
    }
}

#[async_trait]
impl BatchModels for BedrockBatches {
    async fn submit(&self, job: &BatchModelJob) -> Result<String, PortError> {
        let hours = job.timeout.as_secs().div_ceil(3_600).clamp(24, 168);
        let body = json!({
            "jobName": job.name,
            "clientRequestToken": job.name,
            "roleArn": self.role,
            "modelId": job.model,
            "modelInvocationType": "Converse",
            "inputDataConfig": {"s3InputDataConfig": {"s3Uri": job.input, "s3InputFormat": "JSONL"}},
            "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": job.output}},
            "timeoutDurationInHours": hours,
        });
        let plane = self.at(&job.region, SUBMIT)?;
        let made: Made =
            plane.post("/model-invocation-job", body.to_string().into_bytes()).await.map_err(|error| {
                match error.failure {
                    // Jobs in progress are counted per model: room may come after hours, and the work can go another way now.
                    ModelFailure::QuotaExceeded => PortError::broken(SUBMIT, error),
                    _ => failed(SUBMIT, error),
                }
            })?;
        Ok(made.job_arn)
    }

    async fn look(&self, region: &str, arn: &str) -> Result<BatchModelState, PortError> {
        match self.at(region, LOOK)?.of::<Seen>(KIND, arn).await {
            Ok(seen) => Ok(seen.state()),
            Err(error) if error.failure == ModelFailure::NotFound => Ok(BatchModelState::Gone),
            Err(error) => Err(failed(LOOK, error)),
        }
    }

    async fn find(&self, region: &str, name: &str) -> Result<Option<String>, PortError> {
        let query = format!("/model-invocation-jobs?maxResults=100&nameContains={name}");
        let page: Page = self.at(region, FIND)?.get(&query).await.map_err(|error| failed(FIND, error))?;
        let jobs = page.summaries.unwrap_or_default();
        Ok(jobs.into_iter().find(|it| it.job_name == name).map(|it| it.job_arn))
    }

    async fn stop(&self, region: &str, arn: &str) -> Result<(), PortError> {
        match self.at(region, STOP)?.act(KIND, arn, "stop").await {
            Ok(()) => Ok(()),
            Err(error) if error.failure == ModelFailure::NotFound => Ok(()),
            // What has ended cannot be stopped, and Bedrock says so by a conflict or as an input that is not valid.
            Err(error) => match self.look(region, arn).await? {
                BatchModelState::Running => Err(failed(STOP, error)),
                _ => Ok(()),
            },
        }
    }
}

/// A refusal that stays one is broken: somebody has to change something.
fn failed(attempted: &'static str, error: ModelError) -> PortError {
    match error.failure {
        ModelFailure::Invalid | ModelFailure::TooLong | ModelFailure::Denied | ModelFailure::NotFound => {
            PortError::broken(attempted, error)
        }
        _ => PortError::unavailable(attempted, error),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Made {
    job_arn: String,
}

/// What `ListModelInvocationJobs` says.
#[derive(Deserialize)]
struct Page {
    #[serde(rename = "invocationJobSummaries")]
    summaries: Option<Vec<Listed>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    job_arn: String,
    job_name: String,
}

#[derive(Deserialize)]
struct Seen {
    status: String,
    message: Option<String>,
}

impl Seen {
    /// A status that is new is one of a job that goes on: its time runs out in any case.
    fn state(self) -> BatchModelState {
        match self.status.as_str() {
            "Completed" => BatchModelState::Completed,
            "PartiallyCompleted" | "Expired" | "Stopped" | "Failed" => BatchModelState::Ended {
                why: match self.message.filter(|it| !it.is_empty()) {
                    Some(message) => format!("{}: {message}", self.status),
                    None => self.status,
                },
            },
            _ => BatchModelState::Running,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_runs_until_it_is_said_to_have_ended() {
        let state = |status: &str, message: Option<&str>| {
            Seen { status: status.to_owned(), message: message.map(str::to_owned) }.state()
        };
        for status in ["Submitted", "Validating", "Scheduled", "InProgress", "Stopping", "Dreaming"] {
            assert_eq!(state(status, None), BatchModelState::Running, "{status}");
        }
        assert_eq!(state("Completed", Some("well")), BatchModelState::Completed);
        for status in ["PartiallyCompleted", "Expired", "Stopped", "Failed"] {
            assert_eq!(state(status, Some("")), BatchModelState::Ended { why: status.to_owned() });
        }
        let why = "Failed: no access".to_owned();
        assert_eq!(state("Failed", Some("no access")), BatchModelState::Ended { why });
    }
}
