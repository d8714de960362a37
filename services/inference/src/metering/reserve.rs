//! How many tokens a request may be: what is taken from limits before a call is made.
//!
//! Rather too many than too few. What is too much is given back when the call has ended, and costs at most a wait; what
//! is too little lets a budget be overspent by the difference, for the length of one call. Links are not fetched yet: what
//! they lead to counts as such a thing does at most.

use std::io;

use outcrop_chat::{
    Block, Document, DocumentFormat, DocumentSource, LinkKind, OutputFormat, Reasoning, Request, Source,
    SystemBlock, ToolResultBlock,
};
use outcrop_ports::ModelInfo;
use outcrop_wire::anthropic::invoke::{self, TextScale, Weight, weigh_parts};
use serde::Serialize;

/// The most that a picture is (Anthropic's documentation of vision, models that see in high resolution).
const TOKENS_PER_IMAGE: usize = 4_784;
/// The most that a film is: 960 frames of 288 tokens (Amazon Nova user guide, video understanding).
const TOKENS_PER_VIDEO: usize = 276_480;
/// Speech is packed to 2 kB a second at the least, and makes some 30 tokens of that.
const AUDIO_BYTES_PER_TOKEN: usize = 64;
/// What nobody has read yet may fill the window of a model, and where no window is known, the largest there is.
const TOKENS_UNREAD: usize = 1_000_000;
/// Text in a file, packed into base64: numbers and signs.
const DENSE_BYTES: usize = 4;
const DENSE_TOKENS: usize = 3;
/// What stands around each turn.
const TOKENS_PER_TURN: usize = 8;
/// What a model is told of how to call tools, if there are any (Anthropic's documentation of tool use, the most).
const TOKENS_OF_TOOLS: usize = 600;

/// How many tokens a model reads of a request at most, and no more than it can.
pub(crate) fn reserve_input(request: &Request, model: &ModelInfo) -> u64 {
    let mut tokens: usize = request.system.iter().map(system).sum();
    if let Some(tools) = &request.tools {
        tokens += TOKENS_OF_TOOLS;
        for spec in &tools.specs {
            tokens +=
                text(&spec.name) + spec.description.as_deref().map_or(0, text) + json(&spec.input_schema);
        }
    }
    if let Some(OutputFormat::JsonSchema(shape)) = &request.output {
        // It may have to be said in words, or as a tool.
        tokens += TOKENS_OF_TOOLS + json(&shape.schema);
    }
    for message in &request.messages {
        tokens += TOKENS_PER_TURN + message.content.iter().map(block).sum::<usize>();
    }
    if !request.additional.is_empty() {
        tokens += json(&request.additional);
    }
    fits(tokens, model)
}

/// The same for a body in a model's own words.
pub(crate) fn reserve_body(body: &[u8], model: &ModelInfo) -> u64 {
    let parts = weigh_parts(body);
    let links: usize = invoke::find(body).iter().map(|it| link(it.kind)).sum();
    let unread = parts.stored.saturating_mul(TOKENS_UNREAD) + links;
    let media = parts.images * TOKENS_PER_IMAGE
        + parts.films.saturating_mul(TOKENS_PER_VIDEO)
        + parts.audio_bytes / AUDIO_BYTES_PER_TOKEN;
    // Files are packed text, mostly.
    let tokens = whole(parts.text) + parts.file_bytes + media;
    fits(tokens.saturating_add(unread).saturating_add(TOKENS_OF_TOOLS), model)
}

/// The same for a text.
pub(crate) fn reserve_text(text: &str) -> u64 {
    self::text(text) as u64
}

/// No model reads more than its window holds.
fn fits(tokens: usize, model: &ModelInfo) -> u64 {
    (tokens as u64).min(model.context_window.map_or(u64::MAX, u64::from))
}

fn whole(weight: Weight) -> usize {
    usize::try_from(weight.tokens()).unwrap_or(usize::MAX)
}

fn text(text: &str) -> usize {
    whole(Weight::of(text.as_bytes()))
}

fn system(block: &SystemBlock) -> usize {
    match block {
        SystemBlock::Text(it) => text(it),
        SystemBlock::Guard(guarded) => text(&guarded.text),
        SystemBlock::CachePoint(_) => 0,
    }
}

fn block(block: &Block) -> usize {
    match block {
        Block::Text(it) | Block::Reasoning(Reasoning::Text { text: it, .. }) => text(it),
        Block::Reasoning(Reasoning::Redacted(data)) => whole(Weight::of_sealed(data.len())),
        Block::ToolUse(call) => text(&call.name) + json(&call.input),
        Block::Image(_) => TOKENS_PER_IMAGE,
        Block::Link(link) => self::link(link.kind),
        Block::Document(it) => document(it),
        Block::Guard(guarded) => text(&guarded.text),
        Block::Cited(cited) => text(&cited.text),
        Block::SearchResult(found) => found.content.iter().map(|it| text(it)).sum(),
        Block::CachePoint(_) => 0,
        // How long a film is does not show in its size, and that of a sound in S3 nobody knows.
        Block::Video(_) => TOKENS_PER_VIDEO,
        Block::Audio(it) if matches!(it.source, Source::S3 { .. }) => TOKENS_PER_VIDEO,
        Block::Audio(it) => it.source.size() / AUDIO_BYTES_PER_TOKEN,
        Block::ToolResult(result) => result.content.iter().map(tool_result).sum(),
    }
}

fn tool_result(part: &ToolResultBlock) -> usize {
    match part {
        ToolResultBlock::Text(it) => text(it),
        ToolResultBlock::Image(_) => TOKENS_PER_IMAGE,
        ToolResultBlock::Link(link) => self::link(link.kind),
        ToolResultBlock::Json(value) => json(value),
        ToolResultBlock::Document(it) => document(it),
        ToolResultBlock::SearchResult(found) => found.content.iter().map(|it| text(it)).sum(),
        ToolResultBlock::Video(_) => TOKENS_PER_VIDEO,
    }
}

const fn link(kind: LinkKind) -> usize {
    match kind {
        LinkKind::Image => TOKENS_PER_IMAGE,
        LinkKind::Document => TOKENS_UNREAD,
    }
}

/// Packed formats hold about as many tokens as bytes; of one in S3 nobody here knows how large it is.
fn document(document: &Document) -> usize {
    use DocumentFormat::{Csv, Html, Md, Txt};
    match (&document.source, document.format) {
        (DocumentSource::Text(it), _) => text(it),
        (DocumentSource::Parts(parts), _) => parts.iter().map(|it| text(it)).sum(),
        (DocumentSource::File(Source::S3 { .. }), _) => TOKENS_UNREAD,
        (DocumentSource::File(Source::Bytes(bytes)), Some(Csv | Html | Md | Txt)) => whole(Weight::of(bytes)),
        (DocumentSource::File(source), Some(Csv | Html | Md | Txt)) => {
            (source.size() * DENSE_TOKENS).div_ceil(DENSE_BYTES)
        }
        (DocumentSource::File(source), _) => source.size(),
    }
}

/// A value as it is written; it is written to nowhere.
fn json(value: &impl Serialize) -> usize {
    let mut written = Written(TextScale::default());
    // Counting does not fail.
    let _ = serde_json::to_writer(&mut written, value);
    whole(written.0.weight())
}

struct Written(TextScale);

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.add(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use outcrop_chat::{Link, Message, Role, Video, VideoFormat};
    use serde_json::json;

    use super::*;
    use crate::fixtures::model_info;

    fn with(content: Vec<Block>) -> u64 {
        let messages = vec![Message { role: Role::User, content }];
        reserve_input(&Request { messages, ..Request::default() }, &model_info())
    }

    #[test]
    fn more_is_reserved_than_tokenizers_count() {
        let table = tiktoken_rs::cl100k_base_singleton();
        let code = "fn main() {\n    let total: u64 = items.iter().map(|it| it.price * 100).sum();\n}\n";
        let table_of_numbers = "2026-11-21;4711;0.00875;EUR\n".repeat(20);
        for text in [
            "The quick brown fox jumps over the lazy dog. ",
            "Donaudampfschifffahrtsgesellschaftskapitäne grüßen überschwänglich.",
            "日本語のテキストは文字ごとに一つ以上のトークンになります。",
            "이 문장은 한국어로 쓰였습니다.",
            code,
            table_of_numbers.as_str(),
        ] {
            let counted = table.encode_ordinary(text).len() as u64;
            let reserved = with(vec![Block::Text(text.to_owned())]);
            assert!((counted..counted * 3 + 20).contains(&reserved), "{text}: {reserved} for {counted}");
        }
    }

    #[test]
    fn what_is_not_fetched_yet_counts_as_it_usually_is() {
        let link = |kind| {
            let (url, param) = ("https://example.org/a".to_owned(), "url".to_owned());
            Block::Link(Link { kind, url, param, name: None, context: None, citations: false })
        };
        assert!(with(vec![link(LinkKind::Image)]) >= TOKENS_PER_IMAGE as u64);
        assert!(
            with(vec![link(LinkKind::Document)]) >= model_info().context_window.map_or(1_000_000, u64::from)
        );
        let source = DocumentSource::File(Source::Bytes(Bytes::from(vec![0; 9_000])));
        let pdf = Document {
            format: Some(DocumentFormat::Pdf),
            name: "a".into(),
            source,
            context: None,
            citations: false,
        };
        assert!(with(vec![Block::Document(pdf)]) >= 9_000);
    }

    #[test]
    fn no_more_than_the_window() {
        let model = ModelInfo { context_window: Some(1_000), ..model_info() };
        let body = json!({"prompt": "word ".repeat(10_000)}).to_string();
        assert_eq!(reserve_body(body.as_bytes(), &model), 1_000);
        assert!(reserve_body(body.as_bytes(), &model_info()) > 13_000);
    }

    #[test]
    fn bodies_in_a_models_own_words_weigh_what_is_in_them() {
        let table = tiktoken_rs::cl100k_base_singleton();
        let model = ModelInfo { context_window: None, ..model_info() };
        let reserved = |body: &serde_json::Value| reserve_body(body.to_string().as_bytes(), &model);
        let numbers: Vec<u32> = (0..20_000).collect();
        let counted = table.encode_ordinary(&serde_json::to_string(&numbers).unwrap()).len() as u64;
        let call = json!({"type": "tool_use", "id": "a", "name": "f", "input": {"a": numbers}});
        let body = json!({"messages": [{"role": "assistant", "content": [call]}]});
        assert!((counted..counted * 2).contains(&reserved(&body)), "{} for {counted}", reserved(&body));

        let said = |kind: &str, source: serde_json::Value| {
            reserved(&json!({"messages": [{"content": [{kind: {"format": "x", "source": source}}]}]}))
        };
        let (bytes, stored) =
            (json!({"bytes": "A".repeat(100_000)}), json!({"s3Location": {"uri": "s3://b/k"}}));
        for source in [&bytes, &stored] {
            assert!(said("video", source.clone()) >= TOKENS_PER_VIDEO as u64, "{source:.40}");
            assert!(said("image", source.clone()) < 10_000, "{source:.40}");
        }
        assert!(said("document", stored.clone()) >= TOKENS_UNREAD as u64);
        assert!(said("audio", stored) >= TOKENS_PER_VIDEO as u64);
        let film = Video { format: VideoFormat::Mp4, source: Source::Bytes(Bytes::from(vec![0; 9_000])) };
        assert!(
            with(vec![Block::Video(film)]) >= model_info().context_window.map_or(0, u64::from).min(276_480)
        );
    }

    #[test]
    fn plain_text_is_reserved_closely_and_odd_text_is_not_reserved_low() {
        let table = tiktoken_rs::cl100k_base_singleton();
        let ratio = |text: &str| {
            let counted = table.encode_ordinary(text).len() as u64;
            Weight::of(text.as_bytes()).tokens() * 100 / counted
        };
        let user = json!({"name": "Ada Lovelace", "email": "ada@example.org", "active": true, "score": 12.5});
        let people = serde_json::to_string_pretty(&vec![user; 20]).unwrap();
        for plain in [include_str!("../../../../LICENSE"), include_str!("../chat.rs"), &people] {
            assert!((100..=165).contains(&ratio(plain)), "{}: {plain:.40}", ratio(plain));
        }
        let mut state = 88_172_645_463_325_252_u64;
        let mut of = |letters: &[u8]| -> String {
            let mut next = || {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                char::from(letters[(state % letters.len() as u64) as usize])
            };
            (0..5_000).map(|_| next()).collect()
        };
        let base64 = of(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
        let letters = of(b"abcdefghijklmnopqrstuvwxyz");
        let table = "2026-11-21;4711;0.00875;EUR\n".repeat(100);
        let (numbers, lines, words) = ("12,7,".repeat(500), "\n a".repeat(500), " a".repeat(500));
        for odd in [&base64, &letters, &of(b"0123456789abcdef"), &table, &numbers, &lines, &words] {
            assert!(ratio(odd) >= 95, "{}: {odd:.40}", ratio(odd));
        }
    }
}
