//! Anthropic messages through InvokeModel: the body, and its reduction to a prompt.

use super::anthropic_validate;
use crate::answer::{Choice, Prompt, PromptTool, ToolAnswer};
use crate::cache::{Prefix, PromptCache};
use crate::converse::joined;
use crate::converse::request::Str;
use crate::converse::validate::Thinking;
use crate::errors::Refusal;
use crate::hash::Hash;
use crate::models::Model;
use crate::tokens;
use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

/// The body. Members that change nothing here are skipped.
#[derive(Debug, Deserialize)]
pub(crate) struct Request<'a> {
    #[serde(borrow)]
    pub(crate) anthropic_version: Option<Str<'a>>,
    pub(crate) max_tokens: Option<i64>,
    #[serde(borrow)]
    pub(crate) messages: Option<Vec<Message<'a>>>,
    #[serde(borrow)]
    pub(crate) system: Option<Content<'a>>,
    #[serde(borrow)]
    pub(crate) stop_sequences: Option<Vec<Str<'a>>>,
    pub(crate) temperature: Option<f64>,
    pub(crate) top_p: Option<f64>,
    pub(crate) top_k: Option<i64>,
    #[serde(borrow)]
    pub(crate) tools: Option<Vec<Tool<'a>>>,
    #[serde(borrow)]
    pub(crate) tool_choice: Option<ToolChoice<'a>>,
    pub(crate) thinking: Option<Thinking>,
    #[serde(borrow)]
    pub(crate) output_config: Option<OutputConfig<'a>>,
    #[serde(borrow)]
    pub(crate) anthropic_beta: Option<Vec<Str<'a>>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Message<'a> {
    #[serde(borrow)]
    pub(crate) role: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) content: Option<Content<'a>>,
}

/// A string, or blocks.
#[derive(Debug)]
pub(crate) enum Content<'a> {
    Text(Str<'a>),
    Blocks(Vec<Block<'a>>),
}

impl<'de: 'a, 'a> Deserialize<'de> for Content<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either<'a>(PhantomData<&'a ()>);
        impl<'de: 'a, 'a> Visitor<'de> for Either<'a> {
            type Value = Content<'a>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a list of content blocks")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Content::Text(Str::from(Cow::Borrowed(text))))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Content::Text(Str::from(Cow::Owned(text.to_owned()))))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut blocks = Vec::new();
                while let Some(block) = seq.next_element()? {
                    blocks.push(block);
                }
                Ok(Content::Blocks(blocks))
            }
        }
        deserializer.deserialize_any(Either(PhantomData))
    }
}

/// A block of any kind; `type` says which members count.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Block<'a> {
    #[serde(borrow)]
    pub(crate) r#type: Str<'a>,
    #[serde(borrow)]
    pub(crate) text: Option<Str<'a>>,
    #[serde(borrow, deserialize_with = "source")]
    pub(crate) source: Option<Source<'a>>,
    #[serde(borrow)]
    pub(crate) id: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) name: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) input: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) tool_use_id: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) content: Option<Content<'a>>,
    pub(crate) is_error: Option<bool>,
    #[serde(borrow)]
    pub(crate) thinking: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) signature: Option<Str<'a>>,
    /// Of an encrypted thought.
    #[serde(borrow)]
    pub(crate) data: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) cache_control: Option<CacheControl<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Source<'a> {
    #[serde(borrow)]
    pub(crate) r#type: Str<'a>,
    #[serde(borrow)]
    pub(crate) media_type: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) data: Option<Str<'a>>,
}

/// The source of a search result is a string, which nothing here depends on.
fn source<'de: 'a, 'a, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Source<'a>>, D::Error> {
    let raw: Option<&'de RawValue> = Option::deserialize(deserializer)?;
    let object = raw.filter(|it| !it.get().starts_with('"'));
    object.map(|it| serde_json::from_str(it.get()).map_err(serde::de::Error::custom)).transpose()
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CacheControl<'a> {
    #[serde(borrow)]
    pub(crate) r#type: Str<'a>,
    #[serde(borrow)]
    pub(crate) ttl: Option<Str<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Tool<'a> {
    #[serde(borrow)]
    pub(crate) r#type: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) name: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) description: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) input_schema: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) cache_control: Option<CacheControl<'a>>,
    pub(crate) strict: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ToolChoice<'a> {
    #[serde(borrow)]
    pub(crate) r#type: Str<'a>,
    #[serde(borrow)]
    pub(crate) name: Option<Str<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct OutputConfig<'a> {
    #[serde(borrow)]
    pub(crate) format: Option<Format<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Format<'a> {
    #[serde(borrow)]
    pub(crate) schema: Option<&'a RawValue>,
}

impl<'a> Content<'a> {
    /// The blocks; none for a plain string.
    pub(crate) fn blocks(&self) -> &[Block<'a>] {
        match self {
            Self::Text(_) => &[],
            Self::Blocks(blocks) => blocks,
        }
    }

    /// All text in it as one.
    pub(crate) fn joined(&self) -> Cow<'_, str> {
        joined(self.texts())
    }

    /// All text in it.
    fn texts(&self) -> impl Iterator<Item = &str> {
        let whole = match self {
            Self::Text(text) => Some(&**text),
            Self::Blocks(_) => None,
        };
        whole.into_iter().chain(self.blocks().iter().filter_map(|it| it.text.as_deref()))
    }
}

/// All text of the turns, for a guardrail to look at.
pub(crate) fn texts<'a>(request: &'a Request<'a>) -> Vec<&'a str> {
    let contents = request.messages.iter().flatten().filter_map(|it| it.content.as_ref());
    contents.flat_map(Content::texts).collect()
}

/// Validates a body and reduces it to what its answer depends on.
pub(crate) fn prompt<'a>(
    model: &'a Model,
    request: &'a Request<'a>,
    cache: &PromptCache,
) -> Result<Prompt<'a>, Refusal> {
    let thinking = anthropic_validate::check(model, request)?;
    let (weight, prefixes) = weigh(model, request);
    let messages = request.messages.as_deref().unwrap_or_default();
    let last =
        messages.iter().rfind(|it| it.role.as_deref() == Some("user")).and_then(|it| it.content.as_ref());
    let choice = request.tool_choice.as_ref();
    let schema = request.output_config.as_ref().and_then(|it| it.format.as_ref()?.schema);
    Ok(Prompt {
        model,
        user: joined(last.into_iter().flat_map(Content::texts)),
        system: joined(request.system.iter().flat_map(Content::texts)),
        results: results(messages, last),
        tools: request
            .tools
            .iter()
            .flatten()
            .filter_map(|it| {
                let description = it.description.as_deref().unwrap_or_default();
                Some(PromptTool { name: it.name.as_deref()?, description, schema: it.input_schema?.get() })
            })
            .collect(),
        choice: match choice.map(|it| &*it.r#type) {
            Some("any") => Choice::Any,
            Some("tool") => Choice::Named(choice.and_then(|it| it.name.as_deref()).unwrap_or_default()),
            _ => Choice::Auto,
        },
        schema: schema.map(|it| Cow::Borrowed(it.get())),
        max_tokens: request.max_tokens.unwrap_or_default() as u64,
        stop_sequences: request.stop_sequences.iter().flatten().map(|it| &**it).collect(),
        thinking,
        turns: messages.len(),
        id_prefix: "toolu_bdrk_01",
        usage: cache.account(weight, &prefixes, model.cache_min_tokens),
    })
}

fn results<'a>(messages: &'a [Message<'a>], last: Option<&'a Content<'a>>) -> Vec<ToolAnswer<'a>> {
    let blocks = last.into_iter().flat_map(Content::blocks).filter(|it| &*it.r#type == "tool_result");
    let answers = blocks.map(|block| {
        let id = block.tool_use_id.as_deref();
        let calls = messages.iter().rev().flat_map(|it| it.content.iter().flat_map(Content::blocks));
        let mut names =
            calls.filter(|it| it.id.is_some() && it.id.as_deref() == id).filter_map(|it| it.name.as_deref());
        ToolAnswer {
            name: names.next().unwrap_or("tool"),
            text: block.content.as_ref().map(|it| it.joined().into_owned()).unwrap_or_default(),
            is_error: block.is_error == Some(true),
        }
    });
    answers.collect()
}

/// Tokens of the body, and the prefixes its cache controls mark.
pub(crate) fn weigh(model: &Model, request: &Request<'_>) -> (u64, Vec<Prefix>) {
    let mut scale = Scale { tokens: 0, hash: Hash::new(), prefixes: Vec::new() };
    scale.hash.write(model.id.as_bytes());
    for tool in request.tools.iter().flatten() {
        scale.text(tool.name.as_deref().unwrap_or_default());
        scale.text(tool.description.as_deref().unwrap_or_default());
        scale.json(tool.input_schema.map_or("", RawValue::get));
        scale.mark(tool.cache_control.as_ref());
    }
    if let Some(system) = &request.system {
        scale.content(system);
    }
    for message in request.messages.iter().flatten() {
        scale.tokens += tokens::PER_MESSAGE;
        scale.hash.write(message.role.as_deref().unwrap_or_default().as_bytes());
        if let Some(content) = &message.content {
            scale.content(content);
        }
    }
    (scale.tokens, scale.prefixes)
}

struct Scale {
    tokens: u64,
    hash: Hash,
    prefixes: Vec<Prefix>,
}

impl Scale {
    fn text(&mut self, text: &str) {
        self.hash.write(text.as_bytes());
        self.tokens += tokens::count(text);
    }

    fn json(&mut self, json: &str) {
        self.hash.write(json.as_bytes());
        self.tokens += tokens::json(json);
    }

    fn content(&mut self, content: &Content<'_>) {
        if let Content::Text(text) = content {
            self.text(text);
        }
        for block in content.blocks() {
            for text in [&block.text, &block.thinking, &block.name].into_iter().flatten() {
                self.text(text);
            }
            if let Some(input) = block.input {
                self.json(input.get());
            }
            if let Some(data) = block.source.as_ref().and_then(|it| it.data.as_deref()) {
                self.hash.write(data.as_bytes());
                self.tokens += if &*block.r#type == "image" { tokens::IMAGE } else { tokens::media(data) };
            }
            if let Some(inner) = &block.content {
                self.content(inner);
            }
            self.mark(block.cache_control.as_ref());
        }
    }

    fn mark(&mut self, control: Option<&CacheControl<'_>>) {
        let Some(control) = control else { return };
        let one_hour = control.ttl.as_deref() == Some("1h");
        self.prefixes.push(Prefix { hash: self.hash.finish(), tokens: self.tokens, one_hour });
    }
}
