//! `get_batch`: how far a batch is, what it costs, and where its answers are.

use outcrop_http::ApiError;
use outcrop_mcp::Exchange;
use outcrop_ports::DeskRead;
use outcrop_types::{ErrorCode, FileId};
use outcrop_wire::mcp::{Params, Tool, ToolAnnotations, ToolResult};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Stop, schema, told};
use crate::mcp::arguments;
use crate::mcp::work::Work;
use crate::mcp::work::desk::{KeptBatch, batch_id};
use crate::mcp::work::place::Place;

pub(super) const NAME: &str = "get_batch";

/// What of a batch is handed on as it comes.
const FIELDS: [&str; 11] = [
    "endpoint",
    "model",
    "input_file_id",
    "output_file_id",
    "error_file_id",
    "errors",
    "metadata",
    "created_at",
    "expires_at",
    "completed_at",
    "completion_window",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    id: String,
}

pub(super) fn tool() -> Tool {
    let id = json!({ "type": "string", "description": "The id of the batch (`batch_…`), or of its job." });
    Tool {
        name: NAME.to_owned(),
        title: Some("Look at a batch".to_owned()),
        description: Some(
            "Tells how far a batch is, what it has cost, and which files hold its answers and its errors. Read those as \
             resources (`outcrop://files/{id}`)."
                .to_owned(),
        ),
        input_schema: schema::object(&["id"], json!({ "id": id })),
        output_schema: Some(output()),
        annotations: Some(ToolAnnotations {
            read_only_hint: true,
            destructive_hint: false,
            idempotent_hint: true,
            open_world_hint: false,
        }),
    }
}

fn output() -> Value {
    let of = |kind: Value, words: &str| json!({ "type": kind, "description": words });
    let text = |words: &str| of(json!("string"), words);
    let perhaps = |words: &str| of(json!(["string", "null"]), words);
    let count = |words: &str| json!({ "type": "integer", "minimum": 0, "description": words });
    let counts = schema::object(
        &["total", "completed", "failed"],
        json!({
            "total": count("All lines; 0 until its file is read."),
            "completed": count("Those that were answered."),
            "failed": count("Those that were not."),
        }),
    );
    let properties = json!({
        "id": text("The id of the batch."),
        "status": text("`validating`, `in_progress`, `finalizing` or `cancelling`; ended: `completed`, `failed`, `expired` or `cancelled`."),
        "endpoint": perhaps("The path that its lines call."),
        "model": perhaps("The model that they ask for."),
        "completion_window": perhaps("How long it may take."),
        "request_counts": counts,
        "way": perhaps("How it is done: at once, in a cheaper tier, or by Bedrock's batch inference."),
        "reason": perhaps("Why it is done so."),
        "cost_usd": perhaps("What it cost so far, US dollars."),
        "saved_usd": perhaps("What it saved against calls made at once, US dollars."),
        "input_file_id": perhaps("The file of its lines."),
        "output_file_id": perhaps("The file of the answers, once there is one."),
        "error_file_id": perhaps("The file of the lines that were not answered, if there are any."),
        "output_uri": perhaps("The answers as a resource."),
        "error_uri": perhaps("The errors as a resource."),
        "errors": of(json!(["object", "null"]), "What is wrong with its file, line by line, if it could not be worked off."),
        "metadata": of(json!(["object", "null"]), "The texts that were given with it."),
        "created_at": of(json!(["integer", "null"]), "When it was taken in, seconds since 1970."),
        "expires_at": of(json!(["integer", "null"]), "When what is not done by then is given up, seconds since 1970."),
        "completed_at": of(json!(["integer", "null"]), "When it was completed, seconds since 1970."),
        "uri": text("The resource to read, or to subscribe to, for how it stands."),
    });
    let required = ["id", "status", "request_counts", "cost_usd", "uri"];
    schema::object(&required, properties)
}

pub(super) async fn call(work: &Work, exchange: &Exchange, arguments: &Params) -> Result<ToolResult, Stop> {
    let asked: Asked = arguments::read(arguments)?;
    let id = batch_id(&asked.id).ok_or_else(no_such_batch)?;
    let batch: KeptBatch =
        work.read(exchange.caller(), &DeskRead::Batch(id)).await?.ok_or_else(no_such_batch)?;
    let counts = batch.request_counts;
    let words = format!(
        "{id} is {}: {} of {} lines are answered, {} failed.",
        batch.status, counts.completed, counts.total, counts.failed
    );
    Ok(told(words, facts(&batch)))
}

/// A batch for programs: [`output`].
fn facts(batch: &KeptBatch) -> Value {
    let mut facts = json!({
        "id": batch.id,
        "status": batch.status,
        "request_counts": batch.request_counts,
        "way": batch.outcrop.way,
        "reason": batch.outcrop.reason,
        "cost_usd": batch.outcrop.cost_usd,
        "saved_usd": batch.outcrop.saved_usd,
        "uri": Place::Batch(batch.id).to_string(),
    });
    for name in FIELDS {
        facts[name] = batch.rest.get(name).cloned().unwrap_or_default();
    }
    for (file, uri) in [("output_file_id", "output_uri"), ("error_file_id", "error_uri")] {
        let id: Option<FileId> = facts[file].as_str().and_then(|id| id.parse().ok());
        facts[uri] = json!(id.map(|id| Place::File(id).to_string()));
    }
    facts
}

fn no_such_batch() -> ApiError {
    ApiError::new(ErrorCode::NotFound, "there is no such batch").with_param("id")
}
