//! What an answer depends on, as one digest.
//!
//! All that shapes the answer is in it, and where and by which models it may be given: whoever may not have it from there
//! has another key. What is not: whether it is streamed, at which tier the model is called, and whether with latency in
//! mind (the answer is the same), marks of prompt caches, metadata and tags (they say whose the call is).

use outcrop_chat::{
    Audio, Block, CitedText, Document, DocumentSource, GuardedText, Guardrail, Image, Inference, JsonSchema,
    Link, Message, OutputFormat, Reasoning, Request, SearchResult, Source, SystemBlock, ToolChoice,
    ToolResult, ToolResultBlock, ToolSpec, ToolUse, Tools, Video,
};
use outcrop_ports::CacheKey;
use outcrop_types::{GuardrailRule, TeamId};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// Changes with what goes into a digest, so that answers from before are not found any more.
const VERSION: u8 = 2;

/// What every operation's answer depends on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub(crate) team: TeamId,
    pub(crate) namespace: Option<&'a str>,
    /// `chat`, `embeddings`, …
    pub(crate) operation: &'a str,
    /// The id of the model itself, whichever profile it is called by.
    pub(crate) model: &'a str,
    /// Each region that may be called and the Bedrock id that is called there, in the order of their names.
    pub(crate) ways: &'a [(&'a str, &'a str)],
    /// Which of several answers to one request it is.
    pub(crate) choice: usize,
    /// The guardrails of policies and of the route.
    pub(crate) guardrails: &'a [GuardrailRule],
}

/// The digest for a conversation, and what is done to the answer before its dialect sees it.
pub(crate) fn of_chat(scope: &Scope<'_>, request: &Request, reshape: &str) -> CacheKey {
    let mut canon = Canon::begin(scope);
    canon.text(reshape);
    canon.request(request);
    canon.end()
}

/// The digest for a JSON body and what goes with it: the order of an object's fields is not in it.
pub(crate) fn of_json(scope: &Scope<'_>, body: &Value, parts: &[&[u8]]) -> CacheKey {
    let mut canon = Canon::begin(scope);
    canon.json(body);
    canon.list(parts, |canon, part| canon.bytes(part));
    canon.end()
}

/// The name of a call under way: who asks for strictness does not get what another was given without it.
pub(crate) fn of_flight(key: &CacheKey, strict: bool) -> CacheKey {
    let mut name = *key;
    // One bit of a digest: nothing else has this name.
    name[0] ^= u8::from(strict);
    name
}

/// Writes values so that no two read alike: each thing begins with its length or its kind.
struct Canon(Sha256);

impl Canon {
    fn begin(scope: &Scope<'_>) -> Self {
        let Scope { team, namespace, operation, model, ways, choice, guardrails } = scope;
        let mut this = Self(Sha256::new());
        this.kind(VERSION);
        this.text(&team.to_string());
        this.option(*namespace, Self::text);
        this.text(operation);
        this.text(model);
        this.list(ways, |this, (region, id)| {
            this.text(region);
            this.text(id);
        });
        this.number(*choice as u64);
        this.list(guardrails, Self::rule);
        this
    }

    fn end(self) -> CacheKey {
        self.0.finalize().into()
    }

    fn kind(&mut self, kind: u8) {
        self.0.update([kind]);
    }

    fn number(&mut self, number: u64) {
        self.0.update(number.to_be_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.update(bytes);
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn flag(&mut self, flag: bool) {
        self.kind(u8::from(flag));
    }

    fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.flag(value.is_some());
        if let Some(value) = value {
            write(self, value);
        }
    }

    fn list<T>(&mut self, list: &[T], mut write: impl FnMut(&mut Self, &T)) {
        self.number(list.len() as u64);
        for one in list {
            write(self, one);
        }
    }

    fn texts(&mut self, texts: &[String]) {
        self.list(texts, |this, text| this.text(text));
    }

    /// A value, its objects' fields in the order of their names.
    fn json(&mut self, value: &Value) {
        match value {
            Value::Null => self.kind(0),
            Value::Bool(flag) => self.kind(if *flag { 1 } else { 2 }),
            // `1` and `1.0` are two numbers: some models care.
            Value::Number(number) => {
                self.kind(3);
                self.text(&number.to_string());
            }
            Value::String(text) => {
                self.kind(4);
                self.text(text);
            }
            Value::Array(list) => {
                self.kind(5);
                self.list(list, |this, one| this.json(one));
            }
            Value::Object(fields) => {
                self.kind(6);
                let mut fields: Vec<_> = fields.iter().collect();
                fields.sort_unstable_by_key(|(name, _)| *name);
                self.list(&fields, |this, (name, value)| {
                    this.text(name);
                    this.json(value);
                });
            }
        }
    }

    fn rule(&mut self, rule: &GuardrailRule) {
        let GuardrailRule { id, version, input, output, mode, stream } = rule;
        self.text(id);
        self.text(version);
        self.flag(*input);
        self.flag(*output);
        // What a stream said that did not wait for a guardrail is not for those who do.
        self.text(&format!("{mode:?} {stream:?}"));
    }

    fn request(&mut self, request: &Request) {
        let Request {
            system,
            messages,
            inference,
            tools,
            reasoning,
            output,
            service_tier: _,
            optimized_latency: _,
            guardrail,
            metadata: _,
            additional,
            response_paths,
            caching: _,
        } = request;
        let said: Vec<_> = system.iter().filter(|it| !matches!(it, SystemBlock::CachePoint(_))).collect();
        self.list(&said, |this, block| this.system(block));
        self.list(messages, Self::message);
        self.inference(inference);
        self.option(tools.as_ref(), Self::tools);
        // Plain values, whose names say all of them.
        self.text(&format!("{reasoning:?}"));
        self.option(output.as_ref(), Self::output);
        self.option(guardrail.as_ref(), Self::guardrail);
        let mut additional: Vec<_> = additional.iter().collect();
        additional.sort_unstable_by_key(|(name, _)| *name);
        self.list(&additional, |this, (name, value)| {
            this.text(name);
            this.json(value);
        });
        self.texts(response_paths);
    }

    fn system(&mut self, block: &SystemBlock) {
        match block {
            SystemBlock::CachePoint(_) => {}
            SystemBlock::Text(text) => {
                self.kind(1);
                self.text(text);
            }
            SystemBlock::Guard(guarded) => {
                self.kind(2);
                self.guarded(guarded);
            }
        }
    }

    fn message(&mut self, Message { role, content }: &Message) {
        self.text(&format!("{role:?}"));
        let said: Vec<_> = content.iter().filter(|it| !matches!(it, Block::CachePoint(_))).collect();
        self.list(&said, |this, block| this.block(block));
    }

    fn inference(&mut self, inference: &Inference) {
        let Inference { max_tokens, temperature, top_p, top_k, stop } = inference;
        self.option(*max_tokens, |this, it| this.number(it.into()));
        for share in [temperature, top_p] {
            self.option(*share, |this, it| this.number(it.to_bits().into()));
        }
        self.option(*top_k, |this, it| this.number(it.into()));
        self.texts(stop);
    }

    fn tools(&mut self, Tools { specs, system, choice, parallel }: &Tools) {
        self.list(specs, |this, spec| {
            let ToolSpec { name, description, input_schema, strict, cache: _ } = spec;
            this.text(name);
            this.option(description.as_deref(), Self::text);
            this.json(input_schema);
            this.flag(*strict);
        });
        self.texts(system);
        match choice {
            ToolChoice::Auto => self.kind(1),
            ToolChoice::Any => self.kind(2),
            ToolChoice::Named(name) => {
                self.kind(3);
                self.text(name);
            }
        }
        self.option(*parallel, Self::flag);
    }

    fn output(&mut self, output: &OutputFormat) {
        match output {
            OutputFormat::JsonObject => self.kind(1),
            OutputFormat::JsonSchema(JsonSchema { name, description, schema, strict }) => {
                self.kind(2);
                self.text(name);
                self.option(description.as_deref(), Self::text);
                self.json(schema);
                self.flag(*strict);
            }
        }
    }

    /// What it found may stand in the answer, if that is asked for.
    fn guardrail(&mut self, Guardrail { id, version, trace, stream_mode }: &Guardrail) {
        self.text(id);
        self.text(version);
        self.option(trace.as_deref(), Self::text);
        self.option(stream_mode.as_deref(), Self::text);
    }

    fn guarded(&mut self, GuardedText { text, qualifiers }: &GuardedText) {
        self.text(text);
        self.texts(qualifiers);
    }

    fn block(&mut self, block: &Block) {
        match block {
            Block::CachePoint(_) => {}
            Block::Text(text) => {
                self.kind(1);
                self.text(text);
            }
            Block::Image(image) => self.image(image),
            Block::Document(document) => self.document(document),
            Block::Video(video) => self.video(video),
            Block::Audio(Audio { format, source }) => {
                self.kind(5);
                self.text(format.name());
                self.source(source);
            }
            Block::Link(link) => self.link(link),
            Block::ToolUse(ToolUse { id, name, input }) => {
                self.kind(7);
                self.text(id);
                self.text(name);
                self.json(input);
            }
            Block::ToolResult(ToolResult { id, content, is_error }) => {
                self.kind(8);
                self.text(id);
                self.list(content, Self::result);
                self.flag(*is_error);
            }
            Block::Reasoning(thought) => self.thought(thought),
            Block::Guard(guarded) => {
                self.kind(10);
                self.guarded(guarded);
            }
            Block::Cited(CitedText { text, citations }) => {
                self.kind(11);
                self.text(text);
                self.list(citations, Self::json);
            }
            Block::SearchResult(found) => self.found(found),
        }
    }

    fn result(&mut self, block: &ToolResultBlock) {
        match block {
            ToolResultBlock::Text(text) => {
                self.kind(1);
                self.text(text);
            }
            ToolResultBlock::Json(value) => {
                self.kind(20);
                self.json(value);
            }
            ToolResultBlock::Image(image) => self.image(image),
            ToolResultBlock::Document(document) => self.document(document),
            ToolResultBlock::Video(video) => self.video(video),
            ToolResultBlock::SearchResult(found) => self.found(found),
            ToolResultBlock::Link(link) => self.link(link),
        }
    }

    fn image(&mut self, Image { format, source }: &Image) {
        self.kind(2);
        self.text(format.name());
        self.source(source);
    }

    fn document(&mut self, Document { format, name, source, context, citations }: &Document) {
        self.kind(3);
        self.option(*format, |this, it| this.text(it.name()));
        self.text(name);
        match source {
            DocumentSource::File(source) => {
                self.kind(1);
                self.source(source);
            }
            DocumentSource::Text(text) => {
                self.kind(2);
                self.text(text);
            }
            DocumentSource::Parts(parts) => {
                self.kind(3);
                self.texts(parts);
            }
        }
        self.option(context.as_deref(), Self::text);
        self.flag(*citations);
    }

    fn video(&mut self, Video { format, source }: &Video) {
        self.kind(4);
        self.text(format.name());
        self.source(source);
    }

    /// The same picture in base64 is another one here: a miss costs less than to write all of them out.
    fn source(&mut self, source: &Source) {
        match source {
            Source::Bytes(bytes) => {
                self.kind(1);
                self.bytes(bytes);
            }
            Source::Base64(text) => {
                self.kind(2);
                self.bytes(text);
            }
            Source::S3 { uri, bucket_owner } => {
                self.kind(3);
                self.text(uri);
                self.option(bucket_owner.as_deref(), Self::text);
            }
        }
    }

    fn link(&mut self, Link { kind, url, param: _, name, context, citations }: &Link) {
        self.kind(6);
        self.text(&format!("{kind:?}"));
        self.text(url);
        self.option(name.as_deref(), Self::text);
        self.option(context.as_deref(), Self::text);
        self.flag(*citations);
    }

    fn thought(&mut self, thought: &Reasoning) {
        self.kind(9);
        match thought {
            Reasoning::Text { text, signature } => {
                self.kind(1);
                self.text(text);
                self.option(signature.as_deref(), Self::text);
            }
            Reasoning::Redacted(sealed) => {
                self.kind(2);
                self.bytes(sealed);
            }
        }
    }

    fn found(&mut self, SearchResult { source, title, content, citations }: &SearchResult) {
        self.kind(12);
        self.text(source);
        self.text(title);
        self.texts(content);
        self.flag(*citations);
    }
}

#[cfg(test)]
#[path = "key_tests.rs"]
mod tests;
