//! The request.

use std::collections::BTreeMap;
use std::fmt;

use outcrop_chat::{Block, Inference, InvalidRequest, Message, Request, Role, normalise};
use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, SeqAccess, Visitor};

use crate::openai::chat::{Stop, StreamOptions, include_usage, zero_to_one};
use crate::openai::fields;
use crate::vendor::{self, Vendor};
use crate::{json, top_level};

/// Most choices of one answer: each is a call of its own upstream.
const MOST_CHOICES: usize = 32;
/// What OpenAI's form gives without `max_tokens` (OpenAI API reference, Create completion).
pub const DEFAULT_MAX_TOKENS: u32 = 16;

/// A request as it came in, with what routing needs to know at hand.
#[derive(Debug)]
pub struct CompletionRequest {
    /// The model asked for; `None` asks for the default one.
    pub model: Option<String>,
    /// Whether the answer is to be streamed.
    pub stream: bool,
    /// Whether a stream ends with a usage chunk (`stream_options.include_usage`).
    pub include_usage: bool,
    /// Whether it says how long an answer may be (`max_tokens`); if not, it is translated to [`DEFAULT_MAX_TOKENS`].
    pub says_max_tokens: bool,
    /// Fields that nobody knows, in letters that fit a header.
    pub unknown: Vec<String>,
    vendor: Vendor,
    body: Body,
}

/// One request for each prompt, and how they are to be answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Translated {
    /// What the model is asked, in the order of the prompts: at least one.
    pub requests: Vec<Request>,
    /// How many answers to each prompt are asked for (`n`): at least 1.
    pub choices: usize,
    /// The prompts, where each choice's text is to begin with its own (`echo`); else empty.
    pub echo: Vec<String>,
    /// Fields that the client set and that no Bedrock model can honour, each once, in OpenAI's spelling.
    pub dropped: Vec<&'static str>,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
struct Body {
    model: Option<String>,
    prompt: Prompts,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    max_tokens: Option<u32>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    #[serde(default)]
    stop: Stop,
    n: Option<usize>,
    best_of: Option<usize>,
    echo: Option<bool>,
    suffix: Option<String>,
    user: Option<String>,
    frequency_penalty: Option<f64>,
    presence_penalty: Option<f64>,
    logit_bias: Option<BTreeMap<String, IgnoredAny>>,
    logprobs: Option<IgnoredAny>,
    seed: Option<IgnoredAny>,
}

/// One prompt or several.
#[derive(Debug)]
struct Prompts(Vec<String>);

/// Reads a request's body.
///
/// # Errors
/// [`InvalidRequest`] when it is not JSON or a field has the wrong type.
pub fn parse(bytes: &[u8]) -> Result<CompletionRequest, InvalidRequest> {
    let mut body: Body = json::parse(bytes)?;
    let stream = body.stream.unwrap_or(false);
    let include_usage = include_usage(stream, body.stream_options.take())?;
    let vendor = Vendor::read(bytes)?;
    let unknown = top_level::unknown(bytes, &[top_level::names::<Body>(), Vendor::names()]);
    let (model, says_max_tokens) = (body.model.take(), body.max_tokens.is_some());
    Ok(CompletionRequest { model, stream, include_usage, says_max_tokens, unknown, vendor, body })
}

impl CompletionRequest {
    /// Turns the request into neutral conversations.
    ///
    /// # Errors
    /// [`InvalidRequest`] for whatever no Bedrock model can do and the client would miss; it names the field.
    pub fn into_chat(self) -> Result<Translated, InvalidRequest> {
        let Self { body, mut vendor, .. } = self;
        let prompts = body.prompt.0;
        let choices = choices(body.n, body.best_of, prompts.len())?;
        if body.suffix.is_some_and(|it| !it.is_empty()) {
            return Err(wrong(
                "suffix",
                "is not supported: models on Bedrock write no text between two others",
            ));
        }
        let asked = [
            ("frequency_penalty", body.frequency_penalty.is_some_and(|it| it != 0.0)),
            ("presence_penalty", body.presence_penalty.is_some_and(|it| it != 0.0)),
            ("logit_bias", body.logit_bias.is_some_and(|it| !it.is_empty())),
            ("logprobs", body.logprobs.is_some()),
            ("seed", body.seed.is_some()),
        ];
        let mut dropped: Vec<_> = asked.iter().filter(|(_, asked)| *asked).map(|(field, _)| *field).collect();
        if vendor.drop_paths() {
            dropped.push(vendor::PATHS);
        }
        dropped.extend(vendor.without_effect());
        if body.max_tokens == Some(0) {
            return Err(wrong("max_tokens", "must be at least 1"));
        }
        let inference = Inference {
            max_tokens: Some(body.max_tokens.unwrap_or(DEFAULT_MAX_TOKENS)),
            temperature: zero_to_one("temperature", body.temperature)?,
            top_p: zero_to_one("top_p", body.top_p)?,
            top_k: None,
            stop: body.stop.into_list(),
        };
        let metadata = fields::metadata([("user", body.user)], &mut dropped);
        let mut asked = Request { inference, metadata, ..Request::default() };
        vendor.apply(&mut asked)?;
        let mut requests = Vec::with_capacity(prompts.len());
        for (at, prompt) in prompts.iter().enumerate() {
            if prompt.trim().is_empty() {
                let param = if prompts.len() == 1 { "prompt".to_owned() } else { format!("prompt[{at}]") };
                return Err(wrong(&param, "must not be blank"));
            }
            let turn = Message { role: Role::User, content: vec![Block::Text(prompt.clone())] };
            requests.push(normalise(Request { messages: vec![turn], ..asked.clone() }));
        }
        let echo = if body.echo == Some(true) { prompts } else { Vec::new() };
        Ok(Translated { requests, choices, echo, dropped })
    }
}

/// How many answers to each prompt are asked for.
fn choices(n: Option<usize>, best_of: Option<usize>, prompts: usize) -> Result<usize, InvalidRequest> {
    let n = n.unwrap_or(1);
    if prompts == 0 {
        return Err(wrong("prompt", "must hold at least one prompt"));
    }
    if n == 0 || n.saturating_mul(prompts) > MOST_CHOICES {
        let why = format!("must be at least 1, and at most {MOST_CHOICES} with all prompts together");
        return Err(wrong(if n <= 1 && n != 0 { "prompt" } else { "n" }, &why));
    }
    if best_of.is_some_and(|best| best != n) {
        return Err(wrong(
            "best_of",
            "must be the same as `n`: which answer is the best is not known on Bedrock",
        ));
    }
    Ok(n)
}

fn wrong(param: &str, why: &str) -> InvalidRequest {
    InvalidRequest::new(param, format!("`{param}` {why}."))
}

impl<'de> Deserialize<'de> for Prompts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PromptsVisitor;

        impl<'de> Visitor<'de> for PromptsVisitor {
            type Value = Prompts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or an array of strings")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Prompts, E> {
                Ok(Prompts(vec![text.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Prompts, A::Error> {
                let mut prompts = Vec::new();
                while let Some(Prompt(prompt)) = seq.next_element()? {
                    if prompts.len() == MOST_CHOICES {
                        return Err(de::Error::custom(format_args!(
                            "must not hold more than {MOST_CHOICES} prompts"
                        )));
                    }
                    prompts.push(prompt);
                }
                Ok(Prompts(prompts))
            }
        }

        deserializer.deserialize_any(PromptsVisitor)
    }
}

/// One of several prompts: a text, for the numbers of OpenAI's tokens mean nothing to models on Bedrock.
struct Prompt(String);

impl<'de> Deserialize<'de> for Prompt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PromptVisitor;

        impl<'de> Visitor<'de> for PromptVisitor {
            type Value = Prompt;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string (prompts as tokens are not supported)")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Prompt, E> {
                Ok(Prompt(text.to_owned()))
            }
        }

        deserializer.deserialize_any(PromptVisitor)
    }
}
