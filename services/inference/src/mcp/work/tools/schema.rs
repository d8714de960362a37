//! JSON Schemas (2020-12) that several tools share.

use outcrop_types::JobState;
use outcrop_wire::mcp::Params;
use serde_json::{Value, json};

/// An object of these properties and no others.
pub(super) fn object(required: &[&str], properties: Value) -> Value {
    let mut schema = json!({ "type": "object", "required": required, "additionalProperties": false });
    schema["properties"] = properties;
    schema
}

/// The id of a job, as an argument.
pub(super) fn job_id() -> Value {
    json!({
        "type": "string",
        "description": "The id of the job (`job_…`), or of the batch (`batch_…`), which is a job of the same number.",
    })
}

/// A job, with whatever a tool tells beside.
pub(super) fn job(beside: Value) -> Value {
    let mut properties = job_properties();
    if let Value::Object(beside) = beside {
        properties.extend(beside);
    }
    let required: Vec<String> = properties.keys().cloned().collect();
    let required: Vec<&str> = required.iter().map(String::as_str).collect();
    object(&required, Value::Object(properties))
}

fn job_properties() -> Params {
    let described = |kind: Value, text: &str| json!({ "type": kind, "description": text });
    let text = |words: &str| described(json!("string"), words);
    let perhaps = |words: &str| described(json!(["string", "null"]), words);
    let states = JobState::ALL.map(JobState::name);
    let properties = json!({
        "id": text("The id of the job."),
        "status": {
            "type": "string",
            "enum": states,
            "description": "Where it stands. `queued` and `running` go on; the others are the end.",
        },
        "kind": text("`call` for one model call, `batch` for a file of them."),
        "path": text("The path of the call."),
        "priority": perhaps("What goes first among the team's jobs: `high`, `normal` or `low`."),
        "deadline": perhaps("When it is given up if it is not done, RFC 3339."),
        "metadata": described(json!(["object", "null"]), "The texts that were given with it."),
        "attempts": described(json!("integer"), "How often it was begun."),
        "usage": described(json!(["object", "null"]), "The tokens it used so far, by kind."),
        "cost_usd": perhaps("What it cost so far, US dollars."),
        "saved_usd": perhaps("What it saved against a call made at once, US dollars."),
        "created_at": perhaps("When it was taken in, RFC 3339."),
        "started_at": perhaps("When it was begun, RFC 3339."),
        "ended_at": perhaps("When it ended, RFC 3339."),
        "updated_at": perhaps("When it last changed, RFC 3339."),
        "error": perhaps("Why it has no answer, if it was given up."),
        "batch_id": perhaps("The batch that it is."),
        "uri": text("The resource to read, or to subscribe to, for how it stands."),
    });
    match properties {
        Value::Object(properties) => properties,
        _ => Params::new(),
    }
}
