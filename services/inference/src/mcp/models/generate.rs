//! `generate`: one prompt, one answer.

use outcrop_chat::InvalidRequest;
use outcrop_wire::mcp::{Params, Tool, ToolResult};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::answered::Failed;
use super::spelling::Spelling;
use super::written::{Asked, write};
use super::{Call, schema};
use crate::mcp::arguments;

pub(super) const NAME: &str = "generate";

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct Arguments {
    prompt: String,
    system: Option<String>,
    model: Option<String>,
    max_tokens: Option<u32>,
    temperature: Option<f64>,
    json_schema: Option<Map<String, Value>>,
}

pub(super) fn tool() -> Tool {
    let properties = json!({
        "prompt": { "type": "string", "minLength": 1, "description": "What the model is to answer." },
        "system": schema::system(),
        "model": schema::model(),
        "max_tokens": schema::max_tokens(),
        "temperature": schema::temperature(),
        "json_schema": schema::json_schema(),
    });
    Tool {
        name: NAME.to_owned(),
        title: Some("Generate text".to_owned()),
        description: Some(
            "Asks a language model one question and returns its whole answer. Use it to write, rewrite, summarise, \
             translate, classify or extract with another model; with `json_schema` the answer is JSON of that shape. \
             For a conversation of several turns, or for images, use `chat`. The model sees nothing but `prompt` and \
             `system`, and calls no tools. Each call is paid for from the caller's budget."
                .to_owned(),
        ),
        input_schema: schema::object(properties, &["prompt"]),
        output_schema: Some(schema::written()),
        annotations: Some(schema::CALLS),
    }
}

pub(super) async fn call(call: &Call<'_>, params: Params) -> Result<ToolResult, Failed> {
    let Arguments { prompt, system, model, max_tokens, temperature, json_schema } = arguments::read(&params)?;
    if prompt.trim().is_empty() {
        return Err(InvalidRequest::new("prompt", "`prompt` must not be blank.").into());
    }
    let instructions = system.iter().map(|text| json!({ "role": "system", "content": text }));
    let messages = instructions.chain([json!({ "role": "user", "content": prompt })]).collect();
    let spelling = Spelling::Prompt { system: system.is_some() };
    write(call, Asked { model, messages, max_tokens, temperature, json_schema, spelling }).await
}
