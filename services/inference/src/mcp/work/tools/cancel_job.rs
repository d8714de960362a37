//! `cancel_job`: ends a job, or a batch, before it has ended by itself.

use outcrop_http::ApiError;
use outcrop_mcp::{AskError, Exchange};
use outcrop_types::{JobId, JobState, Permission};
use outcrop_wire::mcp::{Ask, ElicitAction, Elicited, Params, Tool, ToolAnnotations, ToolResult};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Stop, facts, no_such_job, schema, told};
use crate::mcp::arguments;
use crate::mcp::work::Work;
use crate::mcp::work::desk::{self, KeptJob, job_id};

pub(super) const NAME: &str = "cancel_job";

/// The question, and its one field.
const CONFIRM: &str = "confirm";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    id: String,
    #[serde(default)]
    confirm: bool,
}

/// What the person said to it.
enum Said {
    Yes,
    No,
    /// Nobody could be asked, or nobody answered.
    Nothing(String),
}

pub(super) fn tool() -> Tool {
    let properties = json!({
        "id": schema::job_id(),
        "confirm": {
            "type": "boolean",
            "default": false,
            "description": "Set it if the person has agreed already. Otherwise the person is asked, where the client can do that.",
        },
    });
    Tool {
        name: NAME.to_owned(),
        title: Some("Cancel a job".to_owned()),
        description: Some(
            "Ends a job or a batch that has not ended. What a batch has done by then is kept; the rest is not done any more, \
             and this cannot be taken back. What has ended stays as it ended."
                .to_owned(),
        ),
        input_schema: schema::object(&["id"], properties),
        output_schema: Some(schema::job(json!({
            "cancelled": {
                "type": "boolean",
                "description": "Whether this call asked for its end; false if the person did not want that, or it had ended before.",
            },
        }))),
        annotations: Some(ToolAnnotations {
            read_only_hint: false,
            destructive_hint: true,
            idempotent_hint: true,
            open_world_hint: false,
        }),
    }
}

pub(super) async fn call(work: &Work, exchange: &Exchange, arguments: &Params) -> Result<ToolResult, Stop> {
    let asked: Asked = arguments::read(arguments)?;
    let id = job_id(&asked.id).ok_or_else(no_such_job)?;
    // Whoever may end jobs and not look at them knows no more of one than its id.
    if !exchange.caller().may(Permission::ReadJobs) {
        return unseen(work, exchange, id, asked.confirm).await;
    }
    let job = work.job(exchange.caller(), id).await?.ok_or_else(no_such_job)?;
    if job.status.is_final() {
        return Ok(ended_before(&job));
    }
    if !asked.confirm && exchange.client().capabilities.takes_forms() {
        match ask(exchange, &question(&job)).await? {
            Said::Yes => {}
            Said::No => {
                let words = format!("{id} was not cancelled: the person declined.");
                return Ok(shown(words, &job, false));
            }
            Said::Nothing(why) => {
                let words = format!("{id} was not cancelled: {why}. Set `{CONFIRM}` once the person agrees.");
                return Ok(ToolResult { is_error: true, ..shown(words, &job, false) });
            }
        }
    }
    Ok(ended(&cancel(work, exchange, id).await?))
}

/// Cancels a job that the caller may not look at: it is told what the cancelling is answered with, as over HTTP.
async fn unseen(work: &Work, exchange: &Exchange, id: JobId, confirmed: bool) -> Result<ToolResult, Stop> {
    if !confirmed && exchange.client().capabilities.takes_forms() {
        let message = format!("Cancel the job {id}? What is not done yet will not be done.");
        let why = match ask(exchange, &message).await? {
            Said::Yes => None,
            Said::No => Some("the person declined".to_owned()),
            Said::Nothing(why) => Some(format!("{why}. Set `{CONFIRM}` once the person agrees")),
        };
        if let Some(why) = why {
            return Ok(ToolResult::failed(format!("{id} was not cancelled: {why}.")));
        }
    }
    let job = cancel(work, exchange, id).await?;
    let had_ended = job.status.is_final() && job.status != JobState::Cancelled;
    Ok(if had_ended { ended_before(&job) } else { ended(&job) })
}

fn ended_before(job: &KeptJob) -> ToolResult {
    shown(format!("{} had ended before: it is {}.", job.id, job.status.name()), job, false)
}

fn ended(job: &KeptJob) -> ToolResult {
    let how = if job.status.is_final() { job.status.name() } else { "being cancelled" };
    shown(format!("{} is {how}.", job.id), job, true)
}

async fn cancel(work: &Work, exchange: &Exchange, id: JobId) -> Result<KeptJob, ApiError> {
    let answer = work.service.inner().desk.cancel(&exchange.caller().principal, id).await;
    desk::found(&answer.map_err(ApiError::from_error)?)?.ok_or_else(no_such_job)
}

fn question(job: &KeptJob) -> String {
    let what = if job.batch_id.is_some() { "batch" } else { "job" };
    format!(
        "Cancel the {what} {} ({}, {})? What is not done yet will not be done.",
        job.id,
        job.path,
        job.status.name()
    )
}

/// Asks the person.
async fn ask(exchange: &Exchange, message: &str) -> Result<Said, Stop> {
    let message = message.to_owned();
    let properties = json!({
        CONFIRM: {
            "type": "boolean",
            "title": "Cancel it",
            "description": "This cannot be taken back.",
            "default": false,
        },
    });
    let schema = json!({ "type": "object", "properties": properties, "required": [CONFIRM] });
    let answer = match exchange.ask(CONFIRM, Ask::Elicit { message, schema }).await {
        Ok(answer) => answer,
        Err(error @ (AskError::First | AskError::Cancelled)) => {
            return Err(Stop::Halt(error.into()));
        }
        Err(error) => return Ok(Said::Nothing(error.to_string())),
    };
    let said: Elicited = match serde_json::from_value(answer) {
        Ok(said) => said,
        Err(_) => return Ok(Said::Nothing("the answer to the form cannot be read".to_owned())),
    };
    let agreed = said.content.as_ref().and_then(|it| it.get(CONFIRM)) == Some(&Value::Bool(true));
    Ok(if said.action == ElicitAction::Accept && agreed { Said::Yes } else { Said::No })
}

fn shown(words: String, job: &KeptJob, cancelled: bool) -> ToolResult {
    let mut value = facts(job);
    value["cancelled"] = cancelled.into();
    told(words, value)
}
