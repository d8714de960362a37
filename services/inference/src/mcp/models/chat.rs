//! `chat`: a conversation, continued.

use outcrop_wire::mcp::{Params, Tool, ToolResult};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::answered::Failed;
use super::spelling::Spelling;
use super::turns::{self, Turn};
use super::written::{Asked, write};
use super::{Call, schema};
use crate::mcp::arguments;

pub(super) const NAME: &str = "chat";

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct Arguments {
    messages: Vec<Turn>,
    system: Option<String>,
    model: Option<String>,
    max_tokens: Option<u32>,
    temperature: Option<f64>,
    json_schema: Option<Map<String, Value>>,
}

pub(super) fn tool() -> Tool {
    let properties = json!({
        "messages": turns::schema(),
        "system": schema::system(),
        "model": schema::model(),
        "max_tokens": schema::max_tokens(),
        "temperature": schema::temperature(),
        "json_schema": schema::json_schema(),
    });
    Tool {
        name: NAME.to_owned(),
        title: Some("Chat".to_owned()),
        description: Some(
            "Sends a conversation to a language model and returns its next message, whole. Use it where earlier turns \
             matter, or to have a model look at images; for one question without images `generate` is simpler. \
             Messages are text and images: no tools, documents, audio or video, for which there are the platform's \
             HTTP APIs. Nothing is remembered from one call to the next, so send the conversation each time. Each \
             call is paid for from the caller's budget."
                .to_owned(),
        ),
        input_schema: schema::object(properties, &["messages"]),
        output_schema: Some(schema::written()),
        annotations: Some(schema::CALLS),
    }
}

pub(super) async fn call(call: &Call<'_>, params: Params) -> Result<ToolResult, Failed> {
    let Arguments { messages, system, model, max_tokens, temperature, json_schema } =
        arguments::read(&params)?;
    turns::check_last(&messages)?;
    let spelling = Spelling::Turns { system: system.is_some() };
    let messages = turns::messages(system.as_deref(), &messages);
    write(call, Asked { model, messages, max_tokens, temperature, json_schema, spelling }).await
}
