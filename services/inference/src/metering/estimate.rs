//! About how many tokens a request is; an estimate for calls that Bedrock never reported on.

use std::io;

use outcrop_chat::{
    Block, Document, DocumentSource, Message, OutputFormat, Reasoning, Request, SystemBlock, ToolResultBlock,
    ToolSpec,
};
use serde_json::Value;

/// The usual rule of thumb for text.
const BYTES_PER_TOKEN: usize = 4;
/// What Anthropic documents for a picture of 1092 by 1092 pixels, the largest that is not scaled down.
const TOKENS_PER_IMAGE: usize = 1_590;

/// About how many tokens so many bytes of text are.
pub(crate) const fn estimate_text(bytes: usize) -> u64 {
    bytes.div_ceil(BYTES_PER_TOKEN) as u64
}

/// About how many tokens the model reads: all that the client sends, tools and their earlier arguments too.
pub(crate) fn estimate_input(request: &Request) -> u64 {
    let mut scale = Scale::default();
    scale.tools(request);
    scale.system(request);
    if let Some(OutputFormat::JsonSchema(shape)) = &request.output {
        scale.bytes += json_bytes(&shape.schema);
    }
    request.messages.iter().for_each(|message| scale.turn(message));
    scale.tokens()
}

/// Weighs the parts of a request, one after the other.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Scale {
    bytes: usize,
    images: usize,
}

impl Scale {
    /// About how many tokens there were so far.
    pub(crate) const fn tokens(&self) -> u64 {
        (self.bytes.div_ceil(BYTES_PER_TOKEN) + self.images * TOKENS_PER_IMAGE) as u64
    }

    /// All tools.
    pub(crate) fn tools(&mut self, request: &Request) {
        self.bytes += request.tools.iter().flat_map(|tools| &tools.specs).map(tool_bytes).sum::<usize>();
    }

    /// The instructions.
    pub(crate) fn system(&mut self, request: &Request) {
        self.bytes += request.system.iter().map(system_bytes).sum::<usize>();
    }

    /// One turn.
    pub(crate) fn turn(&mut self, message: &Message) {
        message.content.iter().for_each(|block| self.block(block));
    }

    fn block(&mut self, block: &Block) {
        match block {
            Block::Text(text) | Block::Reasoning(Reasoning::Text { text, .. }) => self.bytes += text.len(),
            Block::ToolUse(call) => self.bytes += call.name.len() + json_bytes(&call.input),
            Block::Image(_) | Block::Link(_) => self.images += 1,
            Block::Document(document) => self.bytes += document_bytes(document),
            Block::Guard(guarded) => self.bytes += guarded.text.len(),
            Block::Cited(cited) => self.bytes += cited.text.len(),
            Block::SearchResult(found) => self.bytes += found.content.iter().map(String::len).sum::<usize>(),
            // How long films and sounds are does not show in their size.
            Block::Reasoning(Reasoning::Redacted(_))
            | Block::CachePoint(_)
            | Block::Video(_)
            | Block::Audio(_) => {}
            Block::ToolResult(result) => result.content.iter().for_each(|part| self.result(part)),
        }
    }

    fn result(&mut self, part: &ToolResultBlock) {
        match part {
            ToolResultBlock::Text(text) => self.bytes += text.len(),
            ToolResultBlock::Image(_) | ToolResultBlock::Link(_) => self.images += 1,
            ToolResultBlock::Json(value) => self.bytes += json_bytes(value),
            ToolResultBlock::Document(document) => self.bytes += document_bytes(document),
            ToolResultBlock::SearchResult(found) => {
                self.bytes += found.content.iter().map(String::len).sum::<usize>();
            }
            ToolResultBlock::Video(_) => {}
        }
    }
}

fn system_bytes(block: &SystemBlock) -> usize {
    match block {
        SystemBlock::Text(text) => text.len(),
        SystemBlock::Guard(guarded) => guarded.text.len(),
        SystemBlock::CachePoint(_) => 0,
    }
}

fn tool_bytes(tool: &ToolSpec) -> usize {
    tool.name.len() + tool.description.as_deref().map_or(0, str::len) + json_bytes(&tool.input_schema)
}

/// A file's bytes stand for its text: too many for pictures in it, too few for packed formats.
fn document_bytes(document: &Document) -> usize {
    match &document.source {
        DocumentSource::File(source) => source.size(),
        DocumentSource::Text(text) => text.len(),
        DocumentSource::Parts(parts) => parts.iter().map(String::len).sum(),
    }
}

/// How long a value is when it is written; it is written to nowhere.
fn json_bytes(value: &Value) -> usize {
    let mut length = Length(0);
    // Counting does not fail.
    let _ = serde_json::to_writer(&mut length, value);
    length.0
}

struct Length(usize);

impl io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use outcrop_chat::{Role, ToolChoice, ToolUse, Tools};
    use serde_json::json;

    use super::*;

    #[test]
    fn tools_and_the_arguments_of_earlier_calls_are_read_too() {
        let words = "word ".repeat(800);
        let spec = ToolSpec {
            name: "weather".into(),
            description: Some(words.clone()),
            input_schema: json!({"type": "object", "description": words}),
            ..ToolSpec::default()
        };
        let tools = Tools { specs: vec![spec], system: Vec::new(), choice: ToolChoice::Auto, parallel: None };
        let offered = Request { tools: Some(tools), ..Request::default() };
        assert!((2_000..2_100).contains(&estimate_input(&offered)), "{}", estimate_input(&offered));

        let call = ToolUse { id: "1".into(), name: "weather".into(), input: json!({"city": words}) };
        let content = vec![Block::ToolUse(call)];
        let called =
            Request { messages: vec![Message { role: Role::Assistant, content }], ..Request::default() };
        assert!((1_000..1_010).contains(&estimate_input(&called)), "{}", estimate_input(&called));
    }

    #[test]
    fn a_values_length_is_that_of_its_text() {
        for value in [json!({"a": [1, null, "q\"é"]}), json!({}), json!("x")] {
            assert_eq!(json_bytes(&value), value.to_string().len());
        }
    }
}
