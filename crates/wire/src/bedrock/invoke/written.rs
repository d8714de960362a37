//! How much a model wrote, in the shapes of those whose models Bedrock has (Amazon Bedrock user guide, "Inference request
//! parameters and response fields"): chunks of a stream and whole answers.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

/// The bytes of what the model wrote; `None` for what is of no known shape.
pub(super) fn bytes(answer: &[u8]) -> Option<usize> {
    let answer: Answer<'_> = serde_json::from_slice(answer).ok()?;
    let known = answer.is_known();
    let texts = [answer.output_text, answer.generation, answer.completion, answer.text];
    let parts = answer.content.into_iter().flatten().chain(answer.delta);
    let parts = parts.chain(answer.block_delta.and_then(|it| it.delta));
    let parts = parts.chain(answer.output.and_then(|it| it.message).into_iter().flat_map(|it| it.content));
    let lists = [answer.outputs, answer.results, answer.generations];
    let listed = lists.into_iter().flatten().flatten().map(Listed::bytes);
    let choices = answer.choices.into_iter().flatten().map(Choice::bytes);
    let bytes = length(&texts) + parts.map(Part::bytes).sum::<usize>();
    let bytes = bytes + listed.sum::<usize>() + choices.sum::<usize>();
    known.then_some(bytes)
}

fn length(texts: &[Option<String>]) -> usize {
    texts.iter().flatten().map(String::len).sum()
}

/// Bytes of free-form JSON, or of the text that a string holds.
fn free(json: Option<&RawValue>) -> usize {
    let json = json.map(RawValue::get).unwrap_or_default();
    serde_json::from_str::<String>(json).map_or(json.len(), |text| text.len())
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Answer<'a> {
    // Anthropic's, whole or in pieces; each says its type.
    r#type: Option<IgnoredAny>,
    #[serde(borrow)]
    delta: Option<Part<'a>>,
    #[serde(borrow)]
    content: Option<Vec<Part<'a>>>,
    completion: Option<String>,
    // Nova's.
    #[serde(borrow, rename = "contentBlockDelta")]
    block_delta: Option<BlockDelta<'a>>,
    #[serde(borrow)]
    output: Option<Output<'a>>,
    #[serde(rename = "messageStart", alias = "messageStop", alias = "contentBlockStart")]
    #[serde(alias = "contentBlockStop", alias = "metadata")]
    around: Option<IgnoredAny>,
    // Titan's.
    #[serde(rename = "outputText")]
    output_text: Option<String>,
    results: Option<Vec<Listed>>,
    // Llama's.
    generation: Option<String>,
    // Mistral's.
    outputs: Option<Vec<Listed>>,
    // Cohere's.
    event_type: Option<IgnoredAny>,
    text: Option<String>,
    generations: Option<Vec<Listed>>,
    // In OpenAI's shape: DeepSeek's, Qwen's, newer ones of Mistral's.
    #[serde(borrow)]
    choices: Option<Vec<Choice<'a>>>,
}

impl Answer<'_> {
    const fn is_known(&self) -> bool {
        self.r#type.is_some()
            || self.completion.is_some()
            || self.block_delta.is_some()
            || self.output.is_some()
            || self.around.is_some()
            || self.output_text.is_some()
            || self.results.is_some()
            || self.generation.is_some()
            || self.outputs.is_some()
            || self.event_type.is_some()
            || self.text.is_some()
            || self.generations.is_some()
            || self.choices.is_some()
    }
}

#[derive(Deserialize)]
struct BlockDelta<'a> {
    #[serde(borrow)]
    delta: Option<Part<'a>>,
}

#[derive(Deserialize)]
struct Output<'a> {
    #[serde(borrow)]
    message: Option<Message<'a>>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    content: Vec<Part<'a>>,
}

/// A block of an answer, or a piece of one.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Part<'a> {
    text: Option<String>,
    thinking: Option<String>,
    partial_json: Option<String>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    #[serde(borrow, rename = "toolUse")]
    tool_use: Option<ToolUse<'a>>,
    #[serde(rename = "reasoningContent")]
    reasoning: Option<Reasoning>,
}

impl Part<'_> {
    fn bytes(self) -> usize {
        let thought = self.reasoning.and_then(|it| it.text).and_then(|it| it.text);
        let called = free(self.tool_use.and_then(|it| it.input));
        length(&[self.text, self.thinking, self.partial_json, thought]) + free(self.input) + called
    }
}

#[derive(Deserialize)]
struct ToolUse<'a> {
    #[serde(borrow)]
    input: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Reasoning {
    #[serde(rename = "reasoningText")]
    text: Option<Thought>,
}

#[derive(Deserialize)]
struct Thought {
    text: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Listed {
    text: Option<String>,
    #[serde(rename = "outputText")]
    output_text: Option<String>,
}

impl Listed {
    fn bytes(self) -> usize {
        length(&[self.text, self.output_text])
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Choice<'a> {
    #[serde(borrow, alias = "message")]
    delta: Option<Said<'a>>,
    text: Option<String>,
}

impl Choice<'_> {
    fn bytes(self) -> usize {
        let said = self.delta.map_or(0, |it| {
            let calls = it.tool_calls.into_iter().flatten().map(|it| free(Some(it))).sum::<usize>();
            length(&[it.content, it.reasoning, it.reasoning_content]) + calls
        });
        said + length(&[self.text])
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Said<'a> {
    content: Option<String>,
    reasoning: Option<String>,
    reasoning_content: Option<String>,
    #[serde(borrow)]
    tool_calls: Option<Vec<&'a RawValue>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_each_maker_writes_is_counted_and_nothing_around_it() {
        let cases = [
            (r#"{"type":"message_start","message":{"id":"msg_0123456789","role":"assistant"}}"#, 0),
            (r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a\"b"}}"#, 3),
            (
                r#"{"type":"content_block_delta","delta":{"type":"input_json_delta","partial_json":"{\"a"}}"#,
                3,
            ),
            (r#"{"type":"content_block_delta","delta":{"type":"thinking_delta","thinking":"hm"}}"#, 2),
            (r#"{"type":"content_block_delta","delta":{"type":"signature_delta","signature":"0123"}}"#, 0),
            (
                r#"{"type":"message","content":[{"type":"text","text":"abc"},{"type":"tool_use","input":{"a":1}}]}"#,
                10,
            ),
            (r#"{"messageStart":{"role":"assistant"}}"#, 0),
            (r#"{"contentBlockDelta":{"delta":{"text":"four"},"contentBlockIndex":0}}"#, 4),
            (r#"{"contentBlockDelta":{"delta":{"toolUse":{"input":"{\"a"}}}}"#, 3),
            (r#"{"contentBlockDelta":{"delta":{"reasoningContent":{"reasoningText":{"text":"hm"}}}}}"#, 2),
            (
                r#"{"output":{"message":{"role":"assistant","content":[{"text":"hello"}]}},"stopReason":"end"}"#,
                5,
            ),
            (r#"{"outputText":"ti","index":0,"completionReason":"FINISHED"}"#, 2),
            (r#"{"results":[{"outputText":"titan","completionReason":"FINISHED"}]}"#, 5),
            (r#"{"generation":"llama","stop_reason":"a long reason"}"#, 5),
            (r#"{"outputs":[{"text":"mi","stop_reason":"a long reason"}]}"#, 2),
            (r#"{"event_type":"text-generation","text":"co"}"#, 2),
            (r#"{"event_type":"stream-end","response":{"text":"once more"}}"#, 0),
            (r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":"ds"}}]}"#, 2),
        ];
        for (chunk, expected) in cases {
            assert_eq!(bytes(chunk.as_bytes()), Some(expected), "{chunk}");
        }
        for unknown in ["", "{}", r#"{"words":"of another maker"}"#, r#"{"generation":7}"#] {
            assert_eq!(bytes(unknown.as_bytes()), None, "{unknown}");
        }
    }
}
