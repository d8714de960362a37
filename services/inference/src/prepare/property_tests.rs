//! Whatever is asked of whatever model: the emulator takes what is sent, or we refuse it and name the field.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use outcrop_bedrock::{BedrockModel, BedrockOptions, Catalog, CatalogOptions};
use outcrop_chat::{
    Audio, AudioFormat, Block, CacheTtl, CitedText, Document, DocumentFormat, DocumentSource, Effort,
    GuardedText, Image, ImageFormat, Inference, JsonSchema, Message, OutputFormat, Reasoning, ReasoningMode,
    Role, SearchResult, ServiceTier, Source, SystemBlock, ToolChoice, ToolResult, ToolResultBlock, ToolSpec,
    ToolUse, Tools, Video, VideoFormat, declare_used_tools, normalise,
};
use outcrop_emulator::{Emulator, EmulatorConfig};
use outcrop_ports::{ChatModel, Modality, ModelCall, ModelCatalog, ResolvedModel};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::*;

/// Requests that are tried.
const TRIES: u64 = 3000;

/// Numbers that only depend on a seed (SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut it = self.0;
        it = (it ^ (it >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        it = (it ^ (it >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((it ^ (it >> 31)) % below as u64).unwrap()
    }

    fn one_in(&mut self, many: usize) -> bool {
        self.roll(many) == 0
    }

    fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.roll(of.len())].clone()
    }

    fn maybe<T>(&mut self, many: usize, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.one_in(many) { Some(make(self)) } else { None }
    }

    fn text(&mut self) -> String {
        self.pick(&["hello", " ", "é\n", "a longer text of several words", "[[say: x]]", "\t"]).to_owned()
    }

    fn ttl(&mut self) -> CacheTtl {
        self.pick(&[CacheTtl::FiveMinutes, CacheTtl::OneHour])
    }

    fn source(&mut self, bytes: &'static [u8], base64: &'static str) -> Source {
        match self.roll(3) {
            0 => Source::Bytes(Bytes::from_static(bytes)),
            1 => Source::Base64(Bytes::from_static(base64.as_bytes())),
            _ => Source::S3 { uri: "s3://bucket-name/key".into(), bucket_owner: None },
        }
    }

    fn image(&mut self) -> Image {
        Image { format: ImageFormat::Png, source: self.source(b"\x89PNG\r\n\x1a\n", "iVBORw0KGgo=") }
    }

    fn document(&mut self) -> Document {
        let source = match self.roll(3) {
            0 => DocumentSource::File(self.source(b"abc", "YWJj")),
            1 => DocumentSource::Text("abc".into()),
            _ => DocumentSource::Parts(vec!["a".into(), "b".into()]),
        };
        let format = Some(DocumentFormat::Txt);
        Document { format, name: "a file".into(), source, context: None, citations: self.one_in(2) }
    }

    fn video(&mut self) -> Video {
        Video { format: VideoFormat::Mp4, source: self.source(b"abc", "YWJj") }
    }

    fn found(&mut self) -> SearchResult {
        let citations = self.one_in(2);
        SearchResult { source: "s".into(), title: "t".into(), content: vec!["c".into()], citations }
    }

    fn user(&mut self) -> Message {
        let count = 1 + self.roll(4);
        let content = (0..count).map(|_| match self.roll(14) {
            0 => Block::Image(self.image()),
            1 => Block::Document(self.document()),
            2 => Block::Video(self.video()),
            3 => Block::Audio(Audio { format: AudioFormat::Wav, source: self.source(b"abc", "YWJj") }),
            4 => Block::SearchResult(self.found()),
            5 => Block::Guard(GuardedText { text: "g".into(), qualifiers: vec![] }),
            6 | 7 => Block::CachePoint(self.ttl()),
            _ => Block::Text(self.text()),
        });
        Message { role: Role::User, content: content.collect() }
    }

    /// A turn of the assistant's, and the results of the tools it calls.
    fn assistant(&mut self) -> Vec<Message> {
        let mut content = Vec::new();
        if self.one_in(4) {
            content.push(Block::Reasoning(Reasoning::Text { text: "hm".into(), signature: None }));
        }
        content.push(Block::Text(self.text()));
        if self.one_in(6) {
            content
                .push(Block::Cited(CitedText { text: "c".into(), citations: vec![json!({"title": "t"})] }));
        }
        let calls = if self.one_in(2) { self.roll(3) } else { 0 };
        let mut results = Vec::new();
        for number in 0..calls {
            let id = if self.one_in(5) { "same".to_owned() } else { format!("call_{number}") };
            let name = self.pick(&["add", "look"]).to_owned();
            content.push(Block::ToolUse(ToolUse { id: id.clone(), name, input: json!({"a": 1}) }));
            let content = (0..self.roll(3)).map(|_| self.result()).collect();
            results.push(Block::ToolResult(ToolResult { id, content, is_error: self.one_in(4) }));
        }
        if self.one_in(5) {
            content.push(Block::CachePoint(self.ttl()));
        }
        let mut turns = vec![Message { role: Role::Assistant, content }];
        if !results.is_empty() {
            if self.one_in(3) {
                results.push(Block::Text(self.text()));
            }
            turns.push(Message { role: Role::User, content: results });
        }
        turns
    }

    fn result(&mut self) -> ToolResultBlock {
        match self.roll(9) {
            0 => ToolResultBlock::Image(self.image()),
            1 => ToolResultBlock::Document(self.document()),
            2 => ToolResultBlock::Video(self.video()),
            3 => ToolResultBlock::SearchResult(self.found()),
            4 => ToolResultBlock::Json(json!([1])),
            5 => ToolResultBlock::Json(json!({"a": 1})),
            _ => ToolResultBlock::Text(self.text()),
        }
    }

    fn messages(&mut self) -> Vec<Message> {
        let mut turns = Vec::new();
        for _ in 0..=self.roll(4) {
            match self.roll(6) {
                0 => turns.push(Message { role: Role::System, content: vec![Block::Text(self.text())] }),
                1 | 2 => turns.append(&mut self.assistant()),
                _ => turns.push(self.user()),
            }
        }
        turns.push(Message { role: Role::User, content: vec![Block::Text("hello".into())] });
        if self.one_in(6) {
            turns.push(Message { role: Role::Assistant, content: vec![Block::Text("Well, ".into())] });
        }
        turns
    }

    fn schema(&mut self) -> Value {
        self.pick(&[
            json!({"type": "object"}),
            json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}),
            json!({"type": "object", "properties": {"a": {"type": "integer", "minimum": 1}}}),
            json!({"type": "object", "additionalProperties": true, "properties": {"b": {"type": "object"}}}),
            json!({"type": "object", "properties": {"l": {"type": "array", "items": {"$ref": "#/$defs/d"}}},
                "$defs": {"d": {"type": "object", "properties": {}}}}),
        ])
    }

    fn tools(&mut self) -> Tools {
        let names = if self.one_in(2) { vec!["add"] } else { vec!["add", "look"] };
        let specs = names.into_iter().map(|name| ToolSpec {
            name: name.into(),
            description: self.maybe(2, |_| "Does it.".into()),
            input_schema: self.schema(),
            strict: self.one_in(3),
            cache: self.maybe(4, Self::ttl),
        });
        Tools {
            specs: specs.collect(),
            system: self.maybe(9, |_| vec!["nova_grounding".into()]).unwrap_or_default(),
            choice: self.pick(&[
                ToolChoice::Auto,
                ToolChoice::Auto,
                ToolChoice::Any,
                ToolChoice::Named("add".into()),
            ]),
            parallel: self.pick(&[None, Some(true), Some(false)]),
        }
    }

    fn inference(&mut self) -> Inference {
        Inference {
            max_tokens: self.maybe(2, |it| it.pick(&[1, 16, 100, 1024, 1025, 2000, 5000, 200_000])),
            temperature: self.maybe(3, |it| it.pick(&[0.0, 0.2, 1.0])),
            top_p: self.maybe(3, |it| it.pick(&[0.1, 0.95, 1.0])),
            top_k: self.maybe(5, |_| 5),
            stop: self
                .maybe(4, |it| it.pick(&[vec!["END".into()], vec![" ".into()], vec!["a".into(); 5]]))
                .unwrap_or_default(),
        }
    }

    fn reasoning(&mut self) -> ReasoningMode {
        match self.roll(6) {
            0 => ReasoningMode::Off,
            1 => ReasoningMode::Budget(self.pick(&[1, 1024, 3000, 100_000])),
            2 => ReasoningMode::Adaptive(self.maybe(2, |it| it.pick(&Effort::ALL[1..]))),
            _ => ReasoningMode::Effort(self.pick(&Effort::ALL)),
        }
    }

    fn output(&mut self) -> OutputFormat {
        if self.one_in(4) {
            return OutputFormat::JsonObject;
        }
        let list =
            json!({"type": "array", "items": {"type": "object", "properties": {"x": {"type": "number"}}}});
        let schema = if self.one_in(4) { list } else { self.schema() };
        let name = self.pick(&["answer", "add"]).to_owned();
        OutputFormat::JsonSchema(JsonSchema { name, description: None, schema, strict: self.one_in(2) })
    }

    fn request(&mut self) -> Request {
        let mut system: Vec<SystemBlock> = (0..self.roll(3)).map(|_| self.text().into()).collect();
        if self.one_in(4) {
            system.push("Be brief.".into());
            system.push(SystemBlock::CachePoint(self.ttl()));
        }
        let mut request = Request {
            system,
            messages: self.messages(),
            inference: self.inference(),
            tools: self.maybe(2, Self::tools),
            reasoning: self.maybe(2, Self::reasoning),
            output: self.maybe(3, Self::output),
            service_tier: self.maybe(6, |it| it.pick(&[ServiceTier::Flex, ServiceTier::Priority])),
            optimized_latency: self.one_in(9),
            response_paths: self.maybe(9, |_| vec!["/stop_sequence".into()]).unwrap_or_default(),
            ..Request::default()
        };
        if self.one_in(5) {
            request.additional.insert("anthropic_beta".into(), json!(["context-1m-2025-08-07", "new"]));
        }
        // As every dialect does.
        normalise(declare_used_tools(request))
    }
}

/// Every chat model of the catalogue.
pub(super) fn models() -> Vec<ResolvedModel> {
    let options = CatalogOptions {
        overrides: None,
        default_model: "nova-lite",
        region: "us-east-1",
        cross_region: None,
        allow_arns: false,
        ..CatalogOptions::default()
    };
    let catalog = Catalog::load(&options).unwrap();
    let chat = |it: &Arc<ModelInfo>| it.output == [Modality::Text];
    catalog.list().iter().filter(|it| chat(it)).filter_map(|it| catalog.resolve(Some(&it.id))).collect()
}

#[tokio::test]
async fn the_emulator_takes_what_is_sent_or_we_name_the_field() {
    let emulator = Emulator::bind(EmulatorConfig::default()).await.unwrap();
    let sdk = outcrop_aws::local_config(&emulator.url(), "us-east-1");
    let stop = CancellationToken::new();
    let _stopped = stop.clone().drop_guard();
    tokio::spawn(emulator.run(stop));
    let bedrock = BedrockModel::new(&sdk, BedrockOptions::default()).unwrap();
    let models = models();
    let (mut accepted, mut refused) = (0, 0);
    for seed in 0..TRIES {
        let mut dice = Dice(seed);
        let model = dice.pick(&models);
        let mut asked = dice.request();
        if model.info.max_output_tokens.is_none() {
            // Then only Bedrock knows where it ends.
            asked.inference.max_tokens = asked.inference.max_tokens.filter(|it| *it <= 4096);
            asked.reasoning = asked.reasoning.filter(|it| !matches!(it, ReasoningMode::Budget(3001..)));
        }
        let mut dropped = Vec::new();
        let prepared = match for_model(asked.clone(), &model.info, Fields::OPENAI, &mut dropped) {
            Ok(prepared) => prepared,
            Err(error) => {
                assert!(error.param.is_some(), "{seed} {}: {error}", model.info.id);
                refused += 1;
                continue;
            }
        };
        let request = prepared.request.clone();
        let call =
            ModelCall { model: model.clone(), request: request.into(), deadline: Duration::from_secs(30) };
        match bedrock.chat(call).await {
            Ok(answer) => {
                prepared.reshape.response(answer);
                accepted += 1;
            }
            Err(error) => {
                panic!("{seed}, {}: {error}\nasked: {asked:#?}\nsent: {:#?}", model.info.id, prepared.request)
            }
        }
    }
    assert!(accepted > TRIES / 3, "{accepted} accepted, {refused} refused");
}
