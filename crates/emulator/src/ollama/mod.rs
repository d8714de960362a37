//! Real answers from a local Ollama server instead of scripted ones.
//!
//! Requests are validated as always, then sent to Ollama's `/api/chat`; its answer comes back in the dialect that was
//! asked in. Tool choice cannot be forced and reasoning is shown when the model gives it. Embeddings stay hashed.

pub(crate) mod convert;
mod live;

pub(crate) use live::{Told, stream};

use crate::answer::{Answer, AnswerBlock, Prompt, Stop, signature};
use crate::errors::{Exception, Refusal};
use crate::hash;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;
use tokio::sync::OnceCell;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest silence; a model may have to be loaded first.
const READ_TIMEOUT: Duration = Duration::from_secs(300);

/// A client of one Ollama server.
#[derive(Debug)]
pub(crate) struct Ollama {
    http: reqwest::Client,
    url: String,
    model: OnceCell<String>,
}

/// Body of `/api/chat`.
#[derive(Debug, Serialize)]
struct ChatRequest<'a> {
    model: &'a str,
    stream: bool,
    messages: &'a [ChatMessage],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<Value>,
    options: Options<'a>,
}

/// Sampling.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Options<'a> {
    num_predict: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) top_p: Option<f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stop: Vec<&'a str>,
}

/// One message of Ollama's chat.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(crate) struct ChatMessage {
    pub(crate) role: &'static str,
    pub(crate) content: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) images: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) tool_calls: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tool_name: Option<String>,
}

/// A whole answer, or one line of a streamed one.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ChatLine {
    message: Reply,
    done: bool,
    done_reason: Option<String>,
    prompt_eval_count: u64,
    eval_count: u64,
    error: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Reply {
    content: String,
    thinking: Option<String>,
    tool_calls: Vec<Call>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Call {
    function: Function,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Function {
    name: String,
    arguments: Value,
}

impl Ollama {
    pub(crate) fn new(url: &str, model: Option<String>) -> Result<Self, reqwest::Error> {
        let http =
            reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT).read_timeout(READ_TIMEOUT).build()?;
        Ok(Self { http, url: url.trim_end_matches('/').to_owned(), model: OnceCell::new_with(model) })
    }

    /// The configured model, or the first the server has.
    async fn model(&self) -> Result<&str, Refusal> {
        #[derive(Deserialize)]
        struct Tags {
            models: Vec<Tag>,
        }
        #[derive(Deserialize)]
        struct Tag {
            name: String,
        }
        let find = || async {
            let response = self
                .http
                .get(format!("{}/api/tags", self.url))
                .send()
                .await
                .map_err(|it| self.unreachable(&it))?;
            let tags: Tags = response.json().await.map_err(|it| self.unreachable(&it))?;
            let first = tags.models.into_iter().next();
            first.map(|it| it.name).ok_or_else(|| {
                Refusal::new(
                    Exception::ServiceUnavailable,
                    format!("Ollama at {} has no model; pull one first.", self.url),
                )
            })
        };
        self.model.get_or_try_init(find).await.map(String::as_str)
    }

    fn unreachable(&self, error: &reqwest::Error) -> Refusal {
        tracing::warn!(%error, "Ollama did not answer");
        Refusal::new(Exception::ServiceUnavailable, format!("Ollama at {} did not answer.", self.url))
    }

    /// Sends a chat; the answer's body is still to be read.
    async fn send(
        &self,
        prompt: &Prompt<'_>,
        chat: &convert::Chat,
        streaming: bool,
    ) -> Result<reqwest::Response, Refusal> {
        let tools = prompt.tools.iter().map(|it| {
            let parameters: Value = serde_json::from_str(it.schema).unwrap_or_default();
            serde_json::json!({"type": "function", "function": {"name": it.name, "description": it.description, "parameters": parameters}})
        });
        let request = ChatRequest {
            model: self.model().await?,
            stream: streaming,
            messages: &chat.messages,
            tools: tools.collect(),
            format: prompt.schema.as_ref().and_then(|it| serde_json::from_str(it).ok()),
            options: Options {
                num_predict: prompt.max_tokens,
                temperature: chat.temperature,
                top_p: chat.top_p,
                stop: prompt.stop_sequences.clone(),
            },
        };
        let response = self.http.post(format!("{}/api/chat", self.url)).json(&request).send().await;
        let response = response.map_err(|it| self.unreachable(&it))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let line: ChatLine = response.json().await.unwrap_or_default();
        let message = format!("Ollama answered {status}: {}", line.error.unwrap_or_default());
        Err(Refusal::new(Exception::ModelError, message))
    }

    /// The whole answer.
    pub(crate) async fn chat(&self, prompt: &Prompt<'_>, chat: &convert::Chat) -> Result<Answer, Refusal> {
        let response = self.send(prompt, chat, false).await?;
        let line: ChatLine = response.json().await.map_err(|it| self.unreachable(&it))?;
        let mut blocks = Vec::new();
        if let Some(text) = line.message.thinking.as_ref().filter(|it| !it.is_empty()) {
            blocks.push(AnswerBlock::Thinking { text: text.clone(), signature: signature(text) });
        }
        if !line.message.content.is_empty() {
            blocks.push(AnswerBlock::Text(line.message.content.clone()));
        }
        for (at, call) in line.message.tool_calls.iter().enumerate() {
            let id = call_id(prompt.id_prefix, prompt.turns, at, &call.function);
            let input = arguments(&call.function);
            blocks.push(AnswerBlock::Tool { id, name: call.function.name.clone(), input });
        }
        let stop = line.stop(!line.message.tool_calls.is_empty());
        let mut usage = prompt.usage;
        (usage.input, usage.output) = (line.prompt_eval_count, line.eval_count);
        Ok(Answer { blocks, stop, stop_sequence: None, usage, chunk: 1 })
    }

    /// The streamed answer; what comes is read by [`stream`].
    pub(crate) async fn open(
        &self,
        prompt: &Prompt<'_>,
        chat: &convert::Chat,
    ) -> Result<reqwest::Response, Refusal> {
        self.send(prompt, chat, true).await
    }
}

impl ChatLine {
    fn stop(&self, called: bool) -> Stop {
        match self.done_reason.as_deref() {
            Some("length") => Stop::MaxTokens,
            _ if called => Stop::ToolUse,
            _ => Stop::EndTurn,
        }
    }
}

fn arguments(function: &Function) -> String {
    if function.arguments.is_object() { function.arguments.to_string() } else { "{}".to_owned() }
}

/// Ollama gives calls no ids; Bedrock's clients need them.
fn call_id(prefix: &str, turns: usize, at: usize, function: &Function) -> String {
    let seed = hash::of(format!("{turns}/{at}/{}/{}", function.name, function.arguments).as_bytes());
    format!("{prefix}{}", hash::id22(seed))
}
