//! What the model would say: one deterministic answer per prompt, before it is written in any dialect.

use crate::errors::Refusal;
use crate::hash::{self, Hash};
use crate::models::Model;
use crate::schema;
use crate::script::{Part, Script, UsageField};
use crate::tokens;
use std::borrow::Cow;

/// Longest part of the user's text that an echo repeats, in bytes.
const ECHO: usize = 400;

/// A conversation as far as an answer depends on it; Converse and InvokeModel both come down to this.
#[derive(Debug)]
pub(crate) struct Prompt<'a> {
    pub(crate) model: &'a Model,
    /// Text of the last user turn.
    pub(crate) user: Cow<'a, str>,
    /// Text of the system prompt.
    pub(crate) system: Cow<'a, str>,
    /// Tool results in the last user turn.
    pub(crate) results: Vec<ToolAnswer<'a>>,
    pub(crate) tools: Vec<PromptTool<'a>>,
    pub(crate) choice: Choice<'a>,
    /// Schema the text must conform to.
    pub(crate) schema: Option<Cow<'a, str>>,
    pub(crate) max_tokens: u64,
    pub(crate) stop_sequences: Vec<&'a str>,
    /// Whether reasoning was asked for.
    pub(crate) thinking: bool,
    /// Messages so far; keeps tool ids of different turns apart.
    pub(crate) turns: usize,
    /// What the ids of tool calls begin with in this dialect.
    pub(crate) id_prefix: &'static str,
    /// Input side of the usage.
    pub(crate) usage: Usage,
}

/// A tool as the answer sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PromptTool<'a> {
    pub(crate) name: &'a str,
    pub(crate) description: &'a str,
    pub(crate) schema: &'a str,
}

/// A tool's result as the answer sees it.
#[derive(Clone, Debug)]
pub(crate) struct ToolAnswer<'a> {
    pub(crate) name: &'a str,
    pub(crate) text: String,
    pub(crate) is_error: bool,
}

/// Whether a tool must be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice<'a> {
    Auto,
    Any,
    Named(&'a str),
}

/// Token counts; `input` excludes what the cache gave or took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) input: u64,
    pub(crate) output: u64,
    pub(crate) cache_read: u64,
    pub(crate) cache_write: u64,
    /// The part of `cache_write` kept for an hour.
    pub(crate) cache_write_1h: u64,
    /// The part of `output` that was reasoning.
    pub(crate) thinking: u64,
}

impl Usage {
    pub(crate) fn total(&self) -> u64 {
        self.input + self.output + self.cache_read + self.cache_write
    }
}

/// A block of the answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum AnswerBlock {
    Thinking {
        text: String,
        signature: String,
    },
    /// A thought in base64 that nobody can read.
    Redacted(String),
    Text(String),
    /// Text that stands in the first document of the request.
    Cited(String),
    Tool {
        id: String,
        name: String,
        input: String,
    },
}

/// Why the answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    EndTurn,
    ToolUse,
    MaxTokens,
    Sequence,
    Guardrail,
    ContentFiltered,
    MalformedOutput,
    MalformedToolUse,
    ContextWindow,
}

impl Stop {
    const ALL: [Self; 9] = [
        Self::EndTurn,
        Self::ToolUse,
        Self::MaxTokens,
        Self::Sequence,
        Self::Guardrail,
        Self::ContentFiltered,
        Self::MalformedOutput,
        Self::MalformedToolUse,
        Self::ContextWindow,
    ];

    /// As Converse writes it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::EndTurn => "end_turn",
            Self::ToolUse => "tool_use",
            Self::MaxTokens => "max_tokens",
            Self::Sequence => "stop_sequence",
            Self::Guardrail => "guardrail_intervened",
            Self::ContentFiltered => "content_filtered",
            Self::MalformedOutput => "malformed_model_output",
            Self::MalformedToolUse => "malformed_tool_use",
            Self::ContextWindow => "model_context_window_exceeded",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }
}

/// The whole answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) blocks: Vec<AnswerBlock>,
    pub(crate) stop: Stop,
    pub(crate) stop_sequence: Option<String>,
    pub(crate) usage: Usage,
    /// Tokens per delta of a stream.
    pub(crate) chunk: usize,
}

/// The directives that hold for a prompt: those of the last user text, else those of the system prompt.
///
/// A system prompt is sent with every turn, so its directives rest while tool results are being answered;
/// otherwise a scripted call would be made again for ever.
pub(crate) fn script(prompt: &Prompt<'_>) -> Result<Script, Refusal> {
    let script = Script::parse(&prompt.user)?;
    if script.found || !prompt.results.is_empty() {
        return Ok(script);
    }
    Script::parse(&prompt.system)
}

/// Answers a prompt.
pub(crate) fn answer(prompt: &Prompt<'_>, script: &Script) -> Result<Answer, Refusal> {
    let mut blocks = Vec::with_capacity(2);
    scripted(prompt, script, &mut blocks)?;
    // A model that thinks does so before it calls a tool; without the thought the call could not be answered.
    let unthinking = !matches!(blocks.first(), Some(AnswerBlock::Thinking { .. } | AnswerBlock::Redacted(_)));
    if prompt.thinking && unthinking && blocks.iter().any(|it| matches!(it, AnswerBlock::Tool { .. })) {
        blocks.insert(0, thinking("A tool will tell.".to_owned()));
    }
    let only_thinking =
        blocks.iter().all(|it| matches!(it, AnswerBlock::Thinking { .. } | AnswerBlock::Redacted(_)));
    if only_thinking {
        if blocks.is_empty() && prompt.thinking {
            blocks.push(thinking("The user wrote something; I will answer it plainly.".to_owned()));
        }
        blocks.push(unscripted(prompt)?);
    }
    let mut answer = Answer {
        stop: Stop::EndTurn,
        stop_sequence: None,
        usage: prompt.usage,
        chunk: script.chunk.unwrap_or(1),
        blocks,
    };
    cut_at_stop_sequence(prompt, &mut answer);
    cut_at_max_tokens(prompt.max_tokens, &mut answer);
    if answer.stop == Stop::EndTurn && answer.blocks.iter().any(|it| matches!(it, AnswerBlock::Tool { .. })) {
        answer.stop = Stop::ToolUse;
    }
    if let Some(stop) = script.stop {
        answer.stop = stop;
    }
    for (field, count) in &script.usage {
        match field {
            UsageField::Input => answer.usage.input = *count,
            UsageField::Output => answer.usage.output = *count,
            UsageField::CacheRead => answer.usage.cache_read = *count,
            UsageField::CacheWrite => answer.usage.cache_write = *count,
        }
    }
    Ok(answer)
}

/// What the directives say.
fn scripted(prompt: &Prompt<'_>, script: &Script, blocks: &mut Vec<AnswerBlock>) -> Result<(), Refusal> {
    for (at, part) in script.parts.iter().enumerate() {
        blocks.push(match part {
            Part::Say(text) if text.is_empty() => continue,
            Part::Say(text) => AnswerBlock::Text(text.clone()),
            Part::Tokens(count) => AnswerBlock::Text(filler(*count)),
            Part::Cite(text) => AnswerBlock::Cited(text.clone()),
            Part::Think(text) => thinking(text.clone()),
            Part::Redact(text) => AnswerBlock::Redacted(redacted(text)),
            Part::Tool { name, input } => {
                if !prompt.tools.iter().any(|it| it.name == name) {
                    return Err(Refusal::validation(format!(
                        "Outcrop Bedrock emulator: the directive [[tool: {name} …]] names a tool that the request \
                         does not define"
                    )));
                }
                call(prompt, at, name, input.clone())
            }
        });
    }
    Ok(())
}

/// What is said when nothing is scripted: a forced tool, conforming JSON, tool results in words, or an echo.
fn unscripted(prompt: &Prompt<'_>) -> Result<AnswerBlock, Refusal> {
    let forced = match prompt.choice {
        Choice::Auto => None,
        Choice::Any => prompt.tools.first(),
        Choice::Named(name) => prompt.tools.iter().find(|it| it.name == name),
    };
    if let Some(tool) = forced {
        return Ok(call(prompt, 0, tool.name, schema::conforming(tool.schema).map_err(Refusal::validation)?));
    }
    if let Some(schema) = &prompt.schema {
        return Ok(AnswerBlock::Text(schema::conforming(schema).map_err(Refusal::validation)?));
    }
    if !prompt.results.is_empty() {
        return Ok(AnswerBlock::Text(quote(&prompt.results)));
    }
    Ok(AnswerBlock::Text(echo(&prompt.user, &prompt.model.name)))
}

fn quote(results: &[ToolAnswer<'_>]) -> String {
    let mut text = String::new();
    for result in results {
        if !text.is_empty() {
            text.push('\n');
        }
        let verb = if result.is_error { "failed with" } else { "answered" };
        text.push_str(&format!("The tool {} {verb}: {}", result.name, result.text));
    }
    text
}

fn echo(user: &str, model: &str) -> String {
    let user = user.trim();
    if user.is_empty() {
        return format!("I am {model}, emulated. I received your message, which holds no text.");
    }
    let cut = user.char_indices().map(|(at, _)| at).find(|at| *at >= ECHO).unwrap_or(user.len());
    let more = if cut < user.len() { "…" } else { "" };
    format!("You said: \"{}{more}\". I am {model}, emulated, and I repeat what I hear.", &user[..cut])
}

fn call(prompt: &Prompt<'_>, at: usize, name: &str, input: String) -> AnswerBlock {
    let mut seed = Hash::new();
    seed.write(prompt.user.as_bytes());
    seed.write(name.as_bytes());
    seed.write(input.as_bytes());
    seed.write(&(prompt.turns as u64).to_le_bytes());
    seed.write(&(at as u64).to_le_bytes());
    let id = format!("{}{}", prompt.id_prefix, hash::id22(seed.finish()));
    AnswerBlock::Tool { id, name: name.to_owned(), input }
}

fn thinking(text: String) -> AnswerBlock {
    let signature = signature(&text);
    AnswerBlock::Thinking { text, signature }
}

/// The signature of a piece of reasoning: replayed text must carry it.
pub(crate) fn signature(text: &str) -> String {
    use base64::Engine as _;
    let digest = format!("outcrop-emulator:{:016x}", hash::of(text.as_bytes()));
    base64::engine::general_purpose::STANDARD.encode(digest)
}

/// What an encrypted thought begins with once it is decoded.
const REDACTED: &str = "outcrop-emulator-redacted:";

/// An encrypted thought; replayed, it must be one.
fn redacted(text: &str) -> String {
    use base64::Engine as _;
    let sealed = format!("{REDACTED}{:016x}", hash::of(text.as_bytes()));
    base64::engine::general_purpose::STANDARD.encode(sealed)
}

/// Whether this is an encrypted thought of ours.
pub(crate) fn is_redacted(data: &str) -> bool {
    use base64::Engine as _;
    let opened = base64::engine::general_purpose::STANDARD.decode(data);
    opened.is_ok_and(|it| it.starts_with(REDACTED.as_bytes()))
}

/// Text of exactly so many tokens.
fn filler(count: u64) -> String {
    const WORDS: [&str; 12] =
        ["the", "river", "turns", "a", "stone", "and", "light", "falls", "on", "quiet", "water", "below"];
    let mut text = String::with_capacity(count as usize * 6);
    for at in 0..count as usize {
        if at > 0 {
            text.push(' ');
        }
        text.push_str(WORDS[at % WORDS.len()]);
    }
    text
}

fn cut_at_stop_sequence(prompt: &Prompt<'_>, answer: &mut Answer) {
    if prompt.stop_sequences.is_empty() {
        return;
    }
    for at in 0..answer.blocks.len() {
        let AnswerBlock::Text(text) = &mut answer.blocks[at] else { continue };
        let found = prompt.stop_sequences.iter().filter_map(|it| Some((text.find(it)?, *it))).min();
        let Some((position, sequence)) = found else { continue };
        text.truncate(position);
        let keep = if text.is_empty() { at } else { at + 1 };
        answer.blocks.truncate(keep);
        answer.stop = Stop::Sequence;
        answer.stop_sequence = Some(sequence.to_owned());
        return;
    }
}

/// Counts the output and, where it is too long, cuts it; a tool call that does not fit is left out whole.
fn cut_at_max_tokens(max_tokens: u64, answer: &mut Answer) {
    let mut used = 0;
    for at in 0..answer.blocks.len() {
        let left = max_tokens - used;
        let cost = match &answer.blocks[at] {
            AnswerBlock::Thinking { text, .. } | AnswerBlock::Text(text) | AnswerBlock::Cited(text) => {
                tokens::count(text)
            }
            AnswerBlock::Tool { name, input, .. } => tokens::count(name) + tokens::json(input),
            AnswerBlock::Redacted(data) => tokens::media(data),
        };
        let fits = cost <= left;
        if let AnswerBlock::Thinking { .. } | AnswerBlock::Redacted(_) = &answer.blocks[at] {
            answer.usage.thinking += cost.min(left);
        }
        if fits {
            used += cost;
            continue;
        }
        let mut keep = at;
        if let AnswerBlock::Text(text) | AnswerBlock::Cited(text) | AnswerBlock::Thinking { text, .. } =
            &mut answer.blocks[at]
        {
            let end = tokens::pieces(text).take(left as usize).map(str::len).sum();
            text.truncate(end);
            used += left;
            keep += usize::from(!text.is_empty());
        }
        answer.blocks.truncate(keep);
        answer.stop = Stop::MaxTokens;
        answer.stop_sequence = None;
        break;
    }
    answer.usage.output = used;
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod answer_tests;
