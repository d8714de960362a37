//! What a model writes, for the tools that have it write.

use bytes::Bytes;
use outcrop_http::ApiError;
use outcrop_ports::Modality;
use outcrop_types::ErrorCode;
use outcrop_wire::mcp::ToolResult;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::answered::{Failed, called, cost, told};
use super::spelling::Spelling;
use super::told::follow;
use super::{Call, model};
use crate::answer::{Body, Manner};
use crate::resolve::Wants;
use crate::routes;

/// What is asked of a model.
pub(super) struct Asked {
    pub(super) model: Option<String>,
    /// OpenAI's messages.
    pub(super) messages: Value,
    pub(super) max_tokens: Option<u32>,
    pub(super) temperature: Option<f64>,
    pub(super) json_schema: Option<Map<String, Value>>,
    /// What the caller calls all this.
    pub(super) spelling: Spelling,
}

/// A whole answer, however it came.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Written {
    pub(super) text: String,
    pub(super) stop_reason: String,
    pub(super) usage: Option<Usage>,
}

/// OpenAI's `usage`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) struct Usage {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    prompt_tokens_details: Read,
    completion_tokens_details: Thought,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
struct Read {
    cached_tokens: u64,
    cache_write_tokens: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
struct Thought {
    reasoning_tokens: u64,
}

#[derive(Deserialize)]
struct Completion {
    choices: Vec<Choice>,
    usage: Usage,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
    finish_reason: String,
}

#[derive(Deserialize)]
struct Message {
    content: Option<String>,
}

/// Has a model write. Where the caller wants progress told, the model is asked for a stream.
pub(super) async fn write(call: &Call<'_>, mut asked: Asked) -> Result<ToolResult, Failed> {
    asked.model = model::chosen(call, asked.model.take(), Modality::Text).await?;
    let streams = call.exchange.wants_progress() && can_stream(call, asked.model.as_deref()).await;
    let body: Bytes = asked.body(streams).to_string().into();
    let manner = Manner { may_stream: streams, ..Manner::JOB };
    let spelling = asked.spelling;
    let refused = |error| Failed::Refused(spelling.refusal(error));
    let answer = routes::chat::answer(call.service, call.caller(), manner, &body).await.map_err(refused)?;
    let written = match answer.body {
        Body::Whole(body) => whole(&body)?,
        Body::Events(pieces) => follow(call.exchange, pieces).await.map_err(refused)?,
        Body::AwsEvents(_) => return Err(unreadable().into()),
    };
    let mut value = json!({ "text": written.text });
    if let Some(parsed) = asked.json_schema.and_then(|_| serde_json::from_str::<Value>(&written.text).ok()) {
        value["json"] = parsed;
    }
    value["model"] = answer.facts.model_id.as_str().into();
    value["stop_reason"] = written.stop_reason.into();
    value["usage"] = written.usage.map_or(Value::Null, Usage::shown);
    value["cost_usd"] = cost(call.context);
    let dropped: Vec<String> = answer.dropped.iter().map(|it| spelling.own(it)).collect();
    let result = told(written.text, value, call.context);
    Ok(called(result, call.context, &answer.facts, &dropped))
}

/// Whether the model that would answer can be asked for a stream.
async fn can_stream(call: &Call<'_>, model: Option<&str>) -> bool {
    let wants = Wants::named(model.map(str::to_owned), Modality::Text);
    let found = call.service.resolve(call.caller().principal, wants).await;
    // One that is not there is refused by the call itself.
    found.is_ok_and(|it| it.model.info.streaming)
}

fn whole(body: &[u8]) -> Result<Written, ApiError> {
    let Completion { choices, usage } = serde_json::from_slice(body).map_err(|_| unreadable())?;
    let Choice { message, finish_reason } = choices.into_iter().next().ok_or_else(unreadable)?;
    let text = message.content.unwrap_or_default();
    Ok(Written { text, stop_reason: finish_reason, usage: Some(usage) })
}

/// What cannot be: our own answer is not what it should be.
pub(super) fn unreadable() -> ApiError {
    ApiError::new(ErrorCode::Internal, "the answer could not be read")
}

impl Asked {
    /// The request in OpenAI's words.
    fn body(&self, streams: bool) -> Value {
        let mut body = json!({ "messages": self.messages });
        if let Some(model) = &self.model {
            body["model"] = model.as_str().into();
        }
        if let Some(most) = self.max_tokens {
            body["max_tokens"] = most.into();
        }
        if let Some(temperature) = self.temperature {
            body["temperature"] = temperature.into();
        }
        if let Some(schema) = &self.json_schema {
            let schema = json!({ "name": "answer", "schema": schema });
            body["response_format"] = json!({ "type": "json_schema", "json_schema": schema });
        }
        if streams {
            body["stream"] = true.into();
            body["stream_options"] = json!({ "include_usage": true });
        }
        body
    }
}

impl Usage {
    /// Under the names that the platform has for them.
    fn shown(self) -> Value {
        json!({
            "input_tokens": self.prompt_tokens,
            "output_tokens": self.completion_tokens,
            "total_tokens": self.total_tokens,
            "cache_read_tokens": self.prompt_tokens_details.cached_tokens,
            "cache_write_tokens": self.prompt_tokens_details.cache_write_tokens,
            "reasoning_tokens": self.completion_tokens_details.reasoning_tokens,
        })
    }
}
