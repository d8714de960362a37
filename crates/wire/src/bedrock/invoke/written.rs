//! How much a model wrote, in the shapes of those whose models Bedrock has (Amazon Bedrock user guide, "Inference request
//! parameters and response fields"): chunks of a stream and whole answers.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::anthropic::invoke::Weight;

/// What the model wrote weighs; `None` for what is of no known shape.
pub(super) fn weight(answer: &[u8]) -> Option<Weight> {
    let answer: Answer<'_> = serde_json::from_slice(answer).ok()?;
    let known = answer.is_known();
    let texts = [answer.output_text, answer.generation, answer.completion, answer.text];
    let parts = answer.content.into_iter().flatten().chain(answer.delta);
    let parts = parts.chain(answer.content_block).chain(answer.block_delta.and_then(|it| it.delta));
    let parts = parts.chain(answer.output.and_then(|it| it.message).into_iter().flat_map(|it| it.content));
    let lists = [answer.outputs, answer.results, answer.generations];
    let listed = lists.into_iter().flatten().flatten().map(Listed::weight);
    let choices = answer.choices.into_iter().flatten().map(Choice::weight);
    let texts = [of(&texts)].into_iter();
    known.then(|| texts.chain(parts.map(Part::weight)).chain(listed).chain(choices).sum())
}

fn of(texts: &[Option<String>]) -> Weight {
    texts.iter().flatten().map(|text| Weight::of(text.as_bytes())).sum()
}

/// Thoughts in base64 that nobody can read.
fn sealed(thoughts: &[Option<String>]) -> Weight {
    thoughts.iter().flatten().map(|it| Weight::of_sealed(it.len() / 4 * 3)).sum()
}

/// Free-form JSON, or the text that a string holds.
fn free(json: Option<&RawValue>) -> Weight {
    let json = json.map(RawValue::get).unwrap_or_default();
    serde_json::from_str::<String>(json)
        .map_or_else(|_| Weight::of(json.as_bytes()), |text| Weight::of(text.as_bytes()))
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
    #[serde(borrow)]
    content_block: Option<Part<'a>>,
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
    name: Option<String>,
    signature: Option<String>,
    /// Of a thought that is kept encrypted.
    data: Option<String>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    #[serde(borrow, rename = "toolUse")]
    tool_use: Option<ToolUse<'a>>,
    #[serde(rename = "reasoningContent")]
    reasoning: Option<Reasoning>,
}

impl Part<'_> {
    fn weight(self) -> Weight {
        let Reasoning { text, redacted } = self.reasoning.unwrap_or_default();
        let Thought { text: thought, signature } = text.unwrap_or_default();
        let called = free(self.tool_use.and_then(|it| it.input));
        of(&[self.text, self.thinking, self.partial_json, self.name, thought])
            + sealed(&[self.signature, self.data, signature, redacted])
            + free(self.input)
            + called
    }
}

#[derive(Deserialize)]
struct ToolUse<'a> {
    #[serde(borrow)]
    input: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Reasoning {
    #[serde(rename = "reasoningText")]
    text: Option<Thought>,
    #[serde(rename = "redactedContent")]
    redacted: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Thought {
    text: Option<String>,
    signature: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Listed {
    text: Option<String>,
    #[serde(rename = "outputText")]
    output_text: Option<String>,
}

impl Listed {
    fn weight(self) -> Weight {
        of(&[self.text, self.output_text])
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
    fn weight(self) -> Weight {
        let said = self.delta.map_or_else(Weight::default, |it| {
            let calls = it.tool_calls.into_iter().flatten().map(|it| free(Some(it))).sum::<Weight>();
            of(&[it.content, it.reasoning, it.reasoning_content]) + calls
        });
        said + of(&[self.text])
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
        let cases: [(&str, &[&str]); 18] = [
            (r#"{"type":"message_start","message":{"id":"msg_0123456789","role":"assistant"}}"#, &[]),
            (
                r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a\"b"}}"#,
                &[r#"a"b"#],
            ),
            (
                r#"{"type":"content_block_delta","delta":{"type":"input_json_delta","partial_json":"{\"a"}}"#,
                &[r#"{"a"#],
            ),
            (
                r#"{"type":"content_block_delta","delta":{"type":"thinking_delta","thinking":"hm"}}"#,
                &[r#"hm"#],
            ),
            (
                r#"{"type":"content_block_delta","delta":{"type":"signature_delta","signature":"0123456789abcdef"}}"#,
                &["ab cd ef"],
            ),
            (
                r#"{"type":"message","content":[{"type":"text","text":"abc"},{"type":"tool_use","input":{"a":1}}]}"#,
                &[r#"abc"#, r#"{"a":1}"#],
            ),
            (r#"{"messageStart":{"role":"assistant"}}"#, &[]),
            (r#"{"contentBlockDelta":{"delta":{"text":"four"},"contentBlockIndex":0}}"#, &[r#"four"#]),
            (r#"{"contentBlockDelta":{"delta":{"toolUse":{"input":"{\"a"}}}}"#, &[r#"{"a"#]),
            (
                r#"{"contentBlockDelta":{"delta":{"reasoningContent":{"reasoningText":{"text":"hm"}}}}}"#,
                &[r#"hm"#],
            ),
            (
                r#"{"output":{"message":{"role":"assistant","content":[{"text":"hello"}]}},"stopReason":"end"}"#,
                &[r#"hello"#],
            ),
            (r#"{"outputText":"ti","index":0,"completionReason":"FINISHED"}"#, &[r#"ti"#]),
            (r#"{"results":[{"outputText":"titan","completionReason":"FINISHED"}]}"#, &[r#"titan"#]),
            (r#"{"generation":"llama","stop_reason":"a long reason"}"#, &[r#"llama"#]),
            (r#"{"outputs":[{"text":"mi","stop_reason":"a long reason"}]}"#, &[r#"mi"#]),
            (r#"{"event_type":"text-generation","text":"co"}"#, &[r#"co"#]),
            (r#"{"event_type":"stream-end","response":{"text":"once more"}}"#, &[]),
            (r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":"ds"}}]}"#, &[r#"ds"#]),
        ];
        for (chunk, expected) in cases {
            let expected = expected.iter().map(|it| Weight::of(it.as_bytes())).sum();
            assert_eq!(weight(chunk.as_bytes()), Some(expected), "{chunk}");
        }
        for unknown in ["", "{}", r#"{"words":"of another maker"}"#, r#"{"generation":7}"#] {
            assert_eq!(weight(unknown.as_bytes()), None, "{unknown}");
        }
    }
}
