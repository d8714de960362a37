//! What a job does once it is submitted: looks through its records, answers them, writes the answers.

use super::jobs::{Job, Status};
use super::lines::Lines;
use super::pace::{BatchEnd, Batches};
use super::record;
use crate::objects::{ObjectWriter, Objects, ObjectsError};
use crate::state::State;
use actix_web::web;
use bytes::{Bytes, BytesMut};
use futures::future;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// Bytes that are collected before they are written.
const PIECE: usize = 1 << 20;

/// Runs a job to its end, whatever that is.
pub(crate) async fn run(state: web::Data<State>, region: String, id: String) {
    let Some(objects) = state.objects.clone() else { return };
    let batches = state.batches.get();
    let running = Running { state: &state, objects, batches, region: &region, id: &id };
    let end = match running.through().await {
        Ok(end) => end,
        Err(ObjectsError(message)) => (Status::Failed, Some(message)),
    };
    state.batches.change(&region, &id, |job| (job.status, job.message) = end);
}

/// How a job ends, and why.
type End = (Status, Option<String>);

struct Running<'a> {
    state: &'a State,
    objects: Arc<dyn Objects>,
    batches: Arc<Batches>,
    region: &'a str,
    id: &'a str,
}

impl Running<'_> {
    async fn through(&self) -> Result<End, ObjectsError> {
        for status in [Status::Validating, Status::InProgress] {
            tokio::time::sleep(Duration::from_millis(self.batches.step_ms)).await;
            if !self.goes_on(status) {
                return Ok((Status::Stopped, None));
            }
            if status == Status::Validating
                && let Some(message) = self.validate().await?
            {
                return Ok((Status::Failed, Some(message)));
            }
        }
        self.work().await
    }

    /// Takes the next step, unless somebody told the job to stop.
    fn goes_on(&self, status: Status) -> bool {
        let changed = self.state.batches.change(self.region, self.id, |job| {
            let stops = job.status == Status::Stopping;
            if !stops {
                job.status = status;
            }
            !stops
        });
        changed == Some(true)
    }

    fn job(&self) -> Result<Job, ObjectsError> {
        let job = self.state.batches.find(self.region, self.id);
        job.ok_or_else(|| ObjectsError("The job was forgotten.".to_owned()))
    }

    async fn lines(&self, job: &Job) -> Result<Lines, ObjectsError> {
        let (bucket, key) = &job.input;
        let absent = || ObjectsError(format!("The input s3://{bucket}/{key} could not be found."));
        Ok(Lines::new(self.objects.read(bucket, key).await?.ok_or_else(absent)?))
    }

    /// Counts the records; what is wrong with them as a whole.
    async fn validate(&self) -> Result<Option<String>, ObjectsError> {
        let job = self.job()?;
        let mut lines = self.lines(&job).await?;
        let mut total = 0;
        while lines.next().await?.is_some() {
            total += 1;
        }
        self.state.batches.change(self.region, self.id, |job| job.records.total = total);
        let least = self.batches.minimum_records;
        if total < least {
            let arn = job.arn(&self.state.account_id);
            return Ok(Some(format!(
                "Batch job {arn} contains less records ({total}) than the required minimum of: {least}"
            )));
        }
        Ok(self.batches.failure.clone())
    }

    async fn work(&self) -> Result<End, ObjectsError> {
        let job = self.job()?;
        let mut lines = self.lines(&job).await?;
        let (bucket, prefix) = &job.output;
        let folder = if prefix.is_empty() { self.id.to_owned() } else { format!("{prefix}/{}", self.id) };
        let name = job.input.1.rsplit('/').next().unwrap_or_default();
        let mut output = Pieces::new(self.objects.write(bucket, &format!("{folder}/{name}.out")).await?);
        let mut end = (Status::Completed, None);
        loop {
            let records = self.window(&mut lines).await?;
            if records.is_empty() {
                break;
            }
            self.answer(&job, &records, &mut output).await?;
            if let Some(early) = self.early()? {
                end = early;
                break;
            }
        }
        output.finish().await?;
        let records = self.job()?.records;
        let tokens = records.tokens;
        let read = tokens.input + tokens.cache_read + tokens.cache_write_5m + tokens.cache_write_1h;
        let manifest = json!({
            "totalRecordCount": records.total,
            "processedRecordCount": records.good + records.bad,
            "successRecordCount": records.good,
            "errorRecordCount": records.bad,
            "inputTokenCount": read,
            "outputTokenCount": tokens.output,
        });
        let mut writer = self.objects.write(bucket, &format!("{folder}/manifest.json.out")).await?;
        writer.write(Bytes::from(manifest.to_string())).await?;
        writer.finish().await?;
        Ok(end)
    }

    /// As many records as are answered at a time.
    async fn window(&self, lines: &mut Lines) -> Result<Vec<Bytes>, ObjectsError> {
        let mut records = Vec::new();
        while records.len() < self.batches.at_once.max(1) {
            let Some(line) = lines.next().await? else { break };
            records.push(line);
        }
        Ok(records)
    }

    async fn answer(&self, job: &Job, records: &[Bytes], output: &mut Pieces) -> Result<(), ObjectsError> {
        let pace = self.batches.record_ms.saturating_mul(records.len() as u64);
        tokio::time::sleep(Duration::from_millis(pace)).await;
        let answers = future::join_all(records.iter().map(|it| record::answer(self.state, job, it))).await;
        let good = answers.iter().filter(|it| it.good).count() as u64;
        for answer in answers.iter().rev() {
            output.add(&answer.line).await?;
        }
        self.state.batches.change(self.region, self.id, |job| {
            job.records.good += good;
            job.records.bad += records.len() as u64 - good;
            for answer in &answers {
                job.records.tokens += answer.tokens;
            }
        });
        Ok(())
    }

    /// Whether it ends here, by somebody's word or by how jobs go.
    fn early(&self) -> Result<Option<End>, ObjectsError> {
        let job = self.job()?;
        let done = job.records.good + job.records.bad;
        if job.status == Status::Stopping {
            return Ok(Some((Status::Stopped, None)));
        }
        let Some(BatchEnd { after, expired }) = self.batches.end else { return Ok(None) };
        if done < after || done >= job.records.total {
            return Ok(None);
        }
        let status = if expired { Status::Expired } else { Status::PartiallyCompleted };
        Ok(Some((status, Some("Not all of your records could be processed in time.".to_owned()))))
    }
}

/// Lines on their way into an object.
struct Pieces {
    writer: Box<dyn ObjectWriter>,
    held: BytesMut,
}

impl Pieces {
    fn new(writer: Box<dyn ObjectWriter>) -> Self {
        Self { writer, held: BytesMut::new() }
    }

    async fn add(&mut self, line: &[u8]) -> Result<(), ObjectsError> {
        self.held.extend_from_slice(line);
        if self.held.len() >= PIECE {
            self.writer.write(self.held.split().freeze()).await?;
        }
        Ok(())
    }

    async fn finish(mut self) -> Result<(), ObjectsError> {
        if !self.held.is_empty() {
            self.writer.write(self.held.split().freeze()).await?;
        }
        self.writer.finish().await
    }
}
