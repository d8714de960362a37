//! `count_tokens`: how long a conversation is, for a model.

use bytes::Bytes;
use outcrop_chat::InvalidRequest;
use outcrop_http::ApiError;
use outcrop_ports::Modality;
use outcrop_wire::mcp::{Params, Tool, ToolResult};
use outcrop_wire::openai::chat;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answered::{Failed, values};
use super::spelling::Spelling;
use super::turns::{self, Turn};
use super::{Call, model, schema};
use crate::answer::Manner;
use crate::chat::AskedModel;
use crate::count::Count;
use crate::mcp::arguments;
use crate::prepare::Fields;

pub(super) const NAME: &str = "count_tokens";

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct Arguments {
    prompt: Option<String>,
    messages: Option<Vec<Turn>>,
    system: Option<String>,
    model: Option<String>,
}

pub(super) fn tool() -> Tool {
    let properties = json!({
        "prompt": { "type": "string", "minLength": 1, "description": "A text; or else `messages`." },
        "messages": turns::schema(),
        "system": schema::system(),
        "model": {
            "type": "string",
            "description": "Name of the model that would read it, as `list_models` tells it: models count differently. Without it the platform's default model.",
        },
    });
    let given = json!({
        "input_tokens": { "type": "integer", "minimum": 0, "description": "How many tokens the model would read." },
        "exact": {
            "type": "boolean",
            "description": "Whether the model's own tokenizer counted; where it cannot be asked this is an estimate by the length.",
        },
        "model": { "type": "string", "description": "Name of the model that was counted for." },
    });
    Tool {
        name: NAME.to_owned(),
        title: Some("Count tokens".to_owned()),
        description: Some(
            "Tells how many tokens a prompt or a conversation is for a model, without having it answered. Use it before \
             a large request: to see whether it fits into the model's context, or what reading it will cost. Give \
             either `prompt` or `messages`. Counting costs nothing."
                .to_owned(),
        ),
        input_schema: schema::object(properties, &[]),
        output_schema: Some(schema::object(given, &["input_tokens", "exact", "model"])),
        annotations: Some(schema::READS),
    }
}

pub(super) async fn call(call: &Call<'_>, params: Params) -> Result<ToolResult, Failed> {
    let Arguments { prompt, messages, system, model } = arguments::read(&params)?;
    let is_prompt = prompt.is_some();
    let has_system = system.is_some();
    let messages = match (prompt, messages) {
        (Some(prompt), None) => {
            let instructions = system.iter().map(|text| json!({ "role": "system", "content": text }));
            instructions.chain([json!({ "role": "user", "content": prompt })]).collect()
        }
        (None, Some(turns)) => turns::messages(system.as_deref(), &turns),
        (Some(_), Some(_)) => {
            let message = "Give either `prompt` or `messages`, not both.";
            return Err(InvalidRequest::new("messages", message).into());
        }
        (None, None) => {
            return Err(InvalidRequest::new("prompt", "`prompt` or `messages` is required.").into());
        }
    };
    let spelling = if is_prompt {
        Spelling::Prompt { system: has_system }
    } else {
        Spelling::Turns { system: has_system }
    };
    let model = model::chosen(call, model, Modality::Text).await?;
    let counted = count(call, model, &messages).await;
    let (count, model) = counted.map_err(|error| Failed::Refused(spelling.refusal(error)))?;
    let value =
        json!({ "input_tokens": count.tokens, "exact": count.exact, "model": model.model.info.id.as_str() });
    Ok(values(value, call.context))
}

async fn count(
    call: &Call<'_>,
    model: Option<String>,
    messages: &Value,
) -> Result<(Count, AskedModel), ApiError> {
    let (service, caller, manner) = (call.service, call.caller(), Manner::JOB);
    let body: Bytes = json!({ "messages": messages }).to_string().into();
    let request = chat::parse(&body)?.into_chat()?;
    let (mut dropped, request) = (request.dropped, request.request);
    let wants = service.wants(caller.principal.team, model, &request, (&manner.tags, false));
    let model = service.resolve(caller.principal, wants).await?;
    let entry = service.enter_free(caller).await?;
    let request = service.prepare(entry, &model, request, Fields::openai("max_tokens"), &mut dropped).await?;
    let count = service.count(caller, &model, request).await?;
    Ok((count, model))
}
