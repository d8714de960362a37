//! `get_job`: how a job stands, and what it was answered.

use std::time::Duration;

use outcrop_http::ApiError;
use outcrop_mcp::{Exchange, Halt};
use outcrop_ports::DeskRead;
use outcrop_types::{JobId, JobState};
use outcrop_wire::mcp::{Content, Params, Tool, ToolAnnotations, ToolResult};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Stop, facts, no_such_job, schema, wrong};
use crate::mcp::arguments;
use crate::mcp::work::desk::{KeptBatch, KeptJob, job_id};
use crate::mcp::work::place::Place;
use crate::mcp::work::{MAX_CONTENT, Work, answer};

pub(super) const NAME: &str = "get_job";

/// Longest wait, seconds.
const MAX_WAIT_S: u64 = 60;
/// How often it is looked, at first and later.
const LOOK: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(2)];
/// How often it is told how far it is, at most.
const TELL: Duration = Duration::from_secs(1);
/// What is left of the caller's deadline for the answer itself.
const RESERVE: Duration = Duration::from_secs(2);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    id: String,
    #[serde(default)]
    wait_s: u64,
}

pub(super) fn tool() -> Tool {
    let properties = json!({
        "id": schema::job_id(),
        "wait_s": {
            "type": "integer",
            "minimum": 0,
            "maximum": MAX_WAIT_S,
            "default": 0,
            "description": "How long to wait for its end, seconds. Ask again if it has not ended by then.",
        },
    });
    Tool {
        name: NAME.to_owned(),
        title: Some("Look at a job".to_owned()),
        description: Some(
            "Tells how a job stands and, once it has ended, what the model answered. Waits for its end if `wait_s` says so, \
             telling progress meanwhile."
                .to_owned(),
        ),
        input_schema: schema::object(&["id"], properties),
        output_schema: Some(schema::job(json!({
            "status_code": {
                "type": ["integer", "null"],
                "description": "The HTTP status of the answer; null while there is none. From 400 on the call was refused or failed.",
            },
            "text": {
                "type": ["string", "null"],
                "description": "What the model said, where its answer is text.",
            },
            "answer": {
                "description": "The whole answer, in the dialect of `path`; null while there is none, or if it is too long, or kept no longer.",
            },
            "result_uri": {
                "type": ["string", "null"],
                "description": "The resource that holds the whole answer; null if there is none.",
            },
        }))),
        annotations: Some(ToolAnnotations {
            read_only_hint: true,
            destructive_hint: false,
            idempotent_hint: true,
            open_world_hint: false,
        }),
    }
}

pub(super) async fn call(work: &Work, exchange: &Exchange, arguments: &Params) -> Result<ToolResult, Stop> {
    let asked: Asked = arguments::read(arguments)?;
    if asked.wait_s > MAX_WAIT_S {
        return Err(wrong("wait_s", format!("`wait_s` must be at most {MAX_WAIT_S}")).into());
    }
    let id = job_id(&asked.id).ok_or_else(no_such_job)?;
    let left = exchange.caller().context.remaining().saturating_sub(RESERVE);
    let job = wait(work, exchange, id, Duration::from_secs(asked.wait_s).min(left)).await?;
    Ok(result(&job))
}

/// Looks until the job has ended, or for so long.
async fn wait(work: &Work, exchange: &Exchange, id: JobId, longest: Duration) -> Result<KeptJob, Stop> {
    let started = Instant::now();
    let (mut pause, mut next_told) = (LOOK[0], started);
    loop {
        let job = work.job(exchange.caller(), id).await?.ok_or_else(no_such_job)?;
        let left = longest.saturating_sub(started.elapsed());
        if job.status.is_final() || left.is_zero() {
            return Ok(job);
        }
        if exchange.wants_progress() && Instant::now() >= next_told {
            tell(work, exchange, &job, started.elapsed()).await?;
            next_told = Instant::now() + TELL;
        }
        if exchange.cancelled().run_until_cancelled(tokio::time::sleep(pause.min(left))).await.is_none() {
            return Err(Halt::Cancelled.into());
        }
        pause = (pause * 3 / 2).min(LOOK[1]);
    }
}

/// Tells how far it is: a batch by its lines, a call by the seconds that were waited.
async fn tell(work: &Work, exchange: &Exchange, job: &KeptJob, waited: Duration) -> Result<(), ApiError> {
    let message = match (job.status, job.attempts) {
        (JobState::Queued, _) => "the job is queued".to_owned(),
        (_, 0 | 1) => "the job is running".to_owned(),
        (_, attempts) => format!("the job is running, begun {attempts} times"),
    };
    let Some(batch) = job.batch_id else {
        exchange.progress(waited.as_secs_f64(), None, Some(&message)).await;
        return Ok(());
    };
    let batch: Option<KeptBatch> = work.read(exchange.caller(), &DeskRead::Batch(batch)).await?;
    let Some(counts) = batch.map(|it| it.request_counts).filter(|it| it.total > 0) else { return Ok(()) };
    let done = counts.completed.saturating_add(counts.failed);
    let message = format!("{done} of {} lines are done, {} of them failed", counts.total, counts.failed);
    // No batch has so many lines that a float could not count them.
    let (done, total) = (done as f64, counts.total as f64);
    exchange.progress(done, Some(total), Some(&message)).await;
    Ok(())
}

fn result(job: &KeptJob) -> ToolResult {
    let said = job.response.as_ref().and_then(|it| it.body.as_deref()).map(serde_json::value::RawValue::get);
    let answer = said.filter(|it| it.len() <= MAX_CONTENT).and_then(|it| serde_json::from_str(it).ok());
    let text = answer.as_ref().and_then(|it| answer::text(&job.path, it));
    let result_uri = said.map(|_| Place::JobResult(job.id).to_string());
    let mut value = facts(job);
    let mut content = vec![Content::text(words(job, text.as_deref(), said.map(str::len)))];
    // The same as JSON, but for what the model said: that stands before it.
    value["status_code"] = json!(job.response.as_ref().map(|it| it.status_code));
    value["result_uri"] = json!(result_uri);
    if text.is_none() && answer.is_some() {
        value["answer"] = json!(answer);
    }
    content.push(Content::text(value.to_string()));
    value["text"] = json!(text);
    value["answer"] = answer.unwrap_or(Value::Null);
    ToolResult { content, structured_content: Some(value), ..ToolResult::default() }
}

/// What became of a job, in words.
fn words(job: &KeptJob, text: Option<&str>, bytes: Option<usize>) -> String {
    let id = job.id;
    match (job.status, text, bytes) {
        (JobState::Succeeded, Some(text), _) => text.to_owned(),
        (JobState::Queued | JobState::Running, ..) => {
            format!(
                "{id} is {} and has not ended: ask again, with `wait_s` to wait for it.",
                job.status.name()
            )
        }
        (JobState::Cancelled, ..) => format!("{id} was cancelled."),
        (JobState::Expired, ..) => format!("{id} was not done by its deadline."),
        (JobState::Failed, ..) => {
            let why = job.error.as_deref().unwrap_or("the call was refused; `answer` says why");
            format!("{id} failed: {why}.")
        }
        (JobState::Succeeded, None, Some(bytes)) if bytes > MAX_CONTENT => {
            format!("{id} succeeded. Its answer has {bytes} bytes: get it with GET /v1/jobs/{id}/result.")
        }
        (JobState::Succeeded, None, Some(_)) => format!("{id} succeeded; `answer` is what it was answered."),
        (JobState::Succeeded, None, None) if job.batch_id.is_some() => {
            format!("{id} succeeded. Its answers are in files: ask `{}`.", super::get_batch::NAME)
        }
        (JobState::Succeeded, None, None) => format!("{id} succeeded; its answer is kept no longer."),
    }
}
