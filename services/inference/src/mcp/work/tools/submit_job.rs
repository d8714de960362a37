//! `submit_job`: a model call that is made later.

use std::collections::BTreeMap;

use outcrop_http::ApiError;
use outcrop_mcp::{Caller, Exchange};
use outcrop_ports::{JobAsk, Modality};
use outcrop_types::{IdempotencyKey, JOB_PATHS, Permission, Priority, Scope, job_path};
use outcrop_wire::mcp::{Params, Tool, ToolAnnotations, ToolResult};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Stop, facts, get_job, no_such_job, schema, told, wrong};
use crate::mcp::arguments;
use crate::mcp::work::{Work, desk};
use crate::resolve::Wants;

pub(super) const NAME: &str = "submit_job";

/// Where a prompt goes: the first of them that the credential is good for.
const GENERATE: [&str; 2] = ["/generate", "/v1/generate"];
/// The furthest that a deadline can be away, seconds: thirty days.
const LONGEST_DEADLINE_S: u64 = 30 * 24 * 60 * 60;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    prompt: Option<String>,
    model: Option<String>,
    path: Option<String>,
    body: Option<Params>,
    priority: Option<Priority>,
    deadline_s: Option<u64>,
    metadata: Option<BTreeMap<String, String>>,
    idempotency_key: Option<String>,
}

pub(super) fn tool() -> Tool {
    let text = |words: &str| json!({ "type": "string", "description": words });
    let properties = json!({
        "prompt": {
            "type": "string",
            "minLength": 1,
            "description": "What to ask the model. Give this, or `path` and `body`.",
        },
        "model": text("The model that answers `prompt`; the default model if it is left out."),
        "path": text("The path of the call, such as `/v1/chat/completions`, `/v1/messages`, `/v1/embeddings` or `/generate`."),
        "body": {
            "type": "object",
            "description": "The body of the call, in the dialect of `path`, without `stream`.",
        },
        "priority": {
            "type": "string",
            "enum": Priority::ALL.map(Priority::name),
            "default": Priority::default().name(),
            "description": "What goes first among the team's jobs.",
        },
        "deadline_s": {
            "type": "integer",
            "minimum": 1,
            "maximum": LONGEST_DEADLINE_S,
            "description": "Seconds after which it is given up if it is not done. With time to spare it may cost less.",
        },
        "metadata": {
            "type": "object",
            "additionalProperties": { "type": "string" },
            "description": "Up to 16 texts to know it by: names up to 64 characters, values up to 512.",
        },
        "idempotency_key": {
            "type": "string",
            "minLength": 1,
            "maxLength": 255,
            "description": "A key of your own: the same request with it is taken in once, however often it is sent.",
        },
    });
    Tool {
        name: NAME.to_owned(),
        title: Some("Submit a job".to_owned()),
        description: Some(
            "Hands over a model call to be made later, and answers at once with the job. Use it for what may take long, or \
             need not be done now. Then ask `get_job` with `wait_s` for the answer, or subscribe to the job's `uri`."
                .to_owned(),
        ),
        input_schema: schema::object(&[], properties),
        output_schema: Some(schema::job(json!({}))),
        annotations: Some(ToolAnnotations {
            read_only_hint: false,
            destructive_hint: false,
            idempotent_hint: false,
            open_world_hint: true,
        }),
    }
}

/// Whether a caller can submit anything: a job is work outside of `/mcp`, so that the credential must be good for a path that
/// a job may call, too.
pub(super) fn is_for(caller: &Caller) -> bool {
    let scope = caller.principal.scope();
    caller.may(Permission::WriteJobs)
        && caller.may(Permission::InvokeModel)
        && JOB_PATHS.into_iter().any(|it| scope.allows_route(it))
}

pub(super) async fn call(work: &Work, exchange: &Exchange, arguments: &Params) -> Result<ToolResult, Stop> {
    let asked: Asked = arguments::read(arguments)?;
    let caller = exchange.caller();
    let idempotency_key = asked.idempotency_key.as_deref().map(key).transpose()?;
    let (priority, deadline, metadata) = (asked.priority, asked.deadline_s, asked.metadata.clone());
    let is_prompt = asked.prompt.is_some();
    let (path, body) = asked.call(caller.principal.scope())?;
    check_model(work, caller, (&path, &body), is_prompt).await?;
    let mut job = json!({ "path": path, "body": body });
    let beside =
        [("priority", json!(priority)), ("deadline", json!(deadline)), ("metadata", json!(metadata))];
    for (name, value) in beside.into_iter().filter(|(_, value)| !value.is_null()) {
        job[name] = value;
    }
    let ask = JobAsk {
        principal: caller.principal.clone(),
        request_id: caller.context.request_id.clone(),
        body: job.to_string().into(),
        idempotency_key,
        response: None,
    };
    let answer = work.service.inner().desk.submit(ask).await.map_err(ApiError::from_error)?;
    let job = desk::found(&answer).map_err(in_words_of_the_tool)?.ok_or_else(no_such_job)?;
    let words =
        format!("Taken in as {}. Ask `{}` with `wait_s` for what became of it.", job.id, get_job::NAME);
    Ok(told(words, facts(&job)))
}

/// A model that the caller may not call, or that does not write what the path gives, is told of now rather than by a job that
/// failed.
async fn check_model(
    work: &Work,
    caller: &Caller,
    (path, body): (&str, &Params),
    is_prompt: bool,
) -> Result<(), ApiError> {
    let named = body.get("model").and_then(Value::as_str).filter(|it| !it.is_empty());
    // The job worker has the last word on the path.
    let Some(output) = job_path(path).map(written_at).filter(|_| is_prompt || named.is_some()) else {
        return Ok(());
    };
    let wants = Wants::named(named.map(str::to_owned), output);
    let found = work.service.resolve(&caller.principal, wants).await.map_err(ApiError::from);
    let checked = found.and_then(|it| it.must_write(output, "do that"));
    checked.map_err(|error| if is_prompt { error } else { within_body(error) })
}

/// What the models of a path write.
fn written_at(path: &str) -> Modality {
    match path {
        "/v1/embeddings" => Modality::Embedding,
        "/v1/rerank" | "/v2/rerank" => Modality::Ranking,
        "/v1/images/generations" => Modality::Image,
        _ => Modality::Text,
    }
}

/// A refusal of a field of `body`.
fn within_body(mut error: ApiError) -> ApiError {
    if let Some(param) = error.param.take() {
        let own = format!("body.{param}");
        error.message = error.message.replace(&format!("`{param}`"), &format!("`{own}`"));
        error.param = Some(own);
    }
    error
}

impl Asked {
    /// The call: its path and its body.
    fn call(self, scope: &Scope) -> Result<(String, Params), ApiError> {
        match (self.prompt, self.path, self.body) {
            (Some(prompt), None, None) => {
                if prompt.trim().is_empty() {
                    return Err(wrong("prompt", "`prompt` must not be blank"));
                }
                let path = GENERATE.into_iter().find(|it| scope.allows_route(it)).unwrap_or(GENERATE[0]);
                let mut body = Params::from_iter([("prompt".to_owned(), prompt.into())]);
                body.extend(self.model.map(|model| ("model".to_owned(), model.into())));
                Ok((path.to_owned(), body))
            }
            (Some(_), Some(_), _) => Err(wrong("path", "give `prompt`, or `path` with `body`, and not both")),
            (Some(_), _, Some(_)) => Err(wrong("body", "give `prompt`, or `path` with `body`, and not both")),
            (None, Some(_), Some(_)) if self.model.is_some() => {
                Err(wrong("model", "`model` goes with `prompt`; name the model of a `body` in it"))
            }
            (None, Some(path), Some(body)) => Ok((path, body)),
            (None, Some(_), None) => Err(wrong("body", "`body` is required with `path`")),
            (None, None, Some(_)) => Err(wrong("path", "`path` is required with `body`")),
            (None, None, None) => Err(wrong("prompt", "`prompt` is required, or `path` with `body`")),
        }
    }
}

fn key(text: &str) -> Result<IdempotencyKey, ApiError> {
    text.parse()
        .map_err(|_| wrong("idempotency_key", "`idempotency_key` must be 1 to 255 visible ASCII characters"))
}

/// A refusal of `/v1/jobs` whose field is called otherwise here.
fn in_words_of_the_tool(mut error: ApiError) -> ApiError {
    for (theirs, ours) in [("deadline", "deadline_s"), ("Idempotency-Key", "idempotency_key")] {
        if error.param.as_deref() == Some(theirs) {
            error.param = Some(ours.to_owned());
        }
    }
    error
}
