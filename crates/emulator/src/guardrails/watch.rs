//! A guardrail that looks on while a model is called.

use super::found::Found;
use super::{Guardrail, GuardrailState};
use crate::answer::{Answer, AnswerBlock, Prompt, Stop, Usage};
use crate::charges::Call;
use crate::converse::request::{Block, Guard, Request, ResultBlock, SystemBlock};
use crate::errors::Refusal;
use actix_web::http::header::HeaderMap;
use serde_json::{Value, json};
use std::borrow::Cow;

/// How much is told of what was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Trace {
    #[default]
    None,
    Found,
    Full,
}

impl Trace {
    fn read(word: Option<&str>) -> Self {
        match word.map(str::to_ascii_lowercase).as_deref() {
            Some("enabled") => Self::Found,
            Some("enabled_full") => Self::Full,
            _ => Self::None,
        }
    }
}

/// A guardrail that looks on, and what it found.
#[derive(Debug)]
pub(crate) struct Watch {
    guardrail: Guardrail,
    trace: Trace,
    /// Whether a stream goes on while it looks.
    is_async: bool,
    input: Option<Found>,
    output: Option<Found>,
    /// What the model said, where that was replaced.
    said: Vec<String>,
}

/// Whether an answer leaves in one piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whole {
    Yes,
    No,
}

impl Watch {
    /// The guardrail that a request of Converse names.
    pub(crate) fn of_converse(
        state: &GuardrailState,
        request: &Request<'_>,
    ) -> Result<Option<Self>, Refusal> {
        let Some(config) = &request.guardrail_config else { return Ok(None) };
        let (Some(id), Some(version)) =
            (config.guardrail_identifier.as_deref(), config.guardrail_version.as_deref())
        else {
            return Ok(None);
        };
        let is_async = config.stream_processing_mode.as_deref() == Some("async");
        Self::new(state, id, version, Trace::read(config.trace.as_deref()), is_async).map(Some)
    }

    /// The guardrail that the headers of InvokeModel name.
    pub(crate) fn of_headers(state: &GuardrailState, headers: &HeaderMap) -> Result<Option<Self>, Refusal> {
        let header = |name: &str| headers.get(name).and_then(|it| it.to_str().ok());
        let id = header("x-amzn-bedrock-guardrailidentifier");
        let (Some(id), Some(version)) = (id, header("x-amzn-bedrock-guardrailversion")) else {
            return Ok(None);
        };
        Self::new(state, id, version, Trace::read(header("x-amzn-bedrock-trace")), false).map(Some)
    }

    fn new(
        state: &GuardrailState,
        id: &str,
        version: &str,
        trace: Trace,
        is_async: bool,
    ) -> Result<Self, Refusal> {
        let guardrail = state.find(id, version)?;
        Ok(Self { guardrail, trace, is_async, input: None, output: None, said: Vec::new() })
    }

    /// Looks at what is asked. The answer, if the model is not to be asked at all; what is masked, it does not read.
    pub(crate) fn input<'a>(
        &mut self,
        texts: impl IntoIterator<Item = &'a str>,
        prompt: &mut Prompt<'_>,
        call: &Call,
    ) -> Option<Answer> {
        let found = Found::in_texts(&self.guardrail, texts);
        call.guarded(found.units());
        if found.is_masked() {
            prompt.user = Cow::Owned(self.guardrail.mask(&prompt.user));
            prompt.system = Cow::Owned(self.guardrail.mask(&prompt.system));
        }
        let blocked = found.is_blocked();
        self.input = Some(found);
        blocked.then(|| instead(&self.guardrail.input_message))
    }

    /// Looks at what is answered, and changes it where it has to.
    pub(crate) fn output(&mut self, answer: &mut Answer, whole: Whole, call: &Call) {
        let found = Found::in_texts(&self.guardrail, answer.blocks.iter().filter_map(text));
        call.guarded(found.units());
        if found.intervenes() {
            self.said = answer.blocks.iter().filter_map(text).map(str::to_owned).collect();
        }
        if found.is_blocked() {
            answer.stop = Stop::Guardrail;
            if self.is_async && whole == Whole::No {
                cut(&self.guardrail, answer);
            } else {
                answer.blocks = vec![AnswerBlock::Text(self.guardrail.output_message.clone())];
            }
        } else if found.is_masked() {
            answer.stop = Stop::Guardrail;
            for block in &mut answer.blocks {
                if let AnswerBlock::Text(text) | AnswerBlock::Cited(text) = block {
                    *text = self.guardrail.mask(text);
                }
            }
        }
        self.output = Some(found);
    }

    /// Whether it stepped in.
    pub(crate) fn intervened(&self) -> bool {
        [&self.input, &self.output].into_iter().flatten().any(Found::intervenes)
    }

    /// What is told of it, if that is wanted, in Converse's shape.
    pub(crate) fn trace(&self, stop: Stop) -> Option<Value> {
        if self.trace == Trace::None {
            return None;
        }
        let (id, full) = (&self.guardrail.id, self.trace == Trace::Full);
        let mut trace = json!({});
        if let Some(found) = &self.input {
            trace["inputAssessment"] = json!({id: found.assessment(full)});
        }
        if let Some(found) = &self.output {
            trace["outputAssessments"] = json!({id: [found.assessment(full)]});
        }
        if !self.said.is_empty() {
            trace["modelOutput"] = json!(self.said);
        }
        let reasons = [&self.input, &self.output].into_iter().flatten();
        let reason = reasons.filter(|it| it.intervenes()).map(Found::reason).next_back();
        // A directive may say that one stepped in that found nothing.
        let otherwise = if stop == Stop::Guardrail { "Guardrail blocked." } else { "No action." };
        trace["actionReason"] = json!(reason.unwrap_or(otherwise));
        Some(json!({"guardrail": trace}))
    }

    /// What is told of it in a body of InvokeModel: members to add to the object.
    pub(crate) fn members(&self, stop: Stop) -> String {
        let action = if self.intervened() { "INTERVENED" } else { "NONE" };
        let trace = self.trace(stop).map(|it| format!(r#","amazon-bedrock-trace":{it}"#));
        format!(r#","amazon-bedrock-guardrailAction":"{action}"{}"#, trace.unwrap_or_default())
    }
}

/// The texts of a request that are looked at: those that are marked where any is, else all of the turns. Instructions
/// are looked at where they are marked.
pub(crate) fn texts<'a>(request: &'a Request<'a>) -> Vec<&'a str> {
    let system = request.system.iter().flatten().filter_map(|it| match it {
        SystemBlock::Guard(guard) => marked(guard),
        _ => None,
    });
    let blocks = || request.messages.iter().flatten().flat_map(|it| it.content.iter().flatten());
    let guarded: Vec<&str> =
        blocks().filter_map(|it| if let Block::Guard(guard) = it { marked(guard) } else { None }).collect();
    let mut texts: Vec<&str> = system.collect();
    if guarded.is_empty() {
        texts.extend(blocks().flat_map(plain));
    } else {
        texts.extend(guarded);
    }
    texts
}

fn marked<'a>(guard: &'a Guard<'a>) -> Option<&'a str> {
    if let Guard::Text(text) = guard { text.text.as_deref() } else { None }
}

fn plain<'a>(block: &'a Block<'a>) -> Vec<&'a str> {
    match block {
        Block::Text(text) => vec![&**text],
        Block::ToolResult(result) => {
            let parts = result.content.iter().flatten();
            parts
                .filter_map(|it| if let ResultBlock::Text(text) = it { Some(&**text) } else { None })
                .collect()
        }
        _ => Vec::new(),
    }
}

fn text(block: &AnswerBlock) -> Option<&str> {
    if let AnswerBlock::Text(text) | AnswerBlock::Cited(text) = block { Some(text) } else { None }
}

/// An answer that no model gave.
fn instead(message: &str) -> Answer {
    Answer {
        blocks: vec![AnswerBlock::Text(message.to_owned())],
        stop: Stop::Guardrail,
        stop_sequence: None,
        usage: Usage::default(),
        chunk: 1,
    }
}

/// What has left of a stream when something is found in it: everything up to there.
fn cut(guardrail: &Guardrail, answer: &mut Answer) {
    let end = |text: &str| guardrail.blocked.iter().filter_map(|it| Some(text.find(it)? + it.len())).min();
    let found = answer.blocks.iter().position(|it| text(it).is_some_and(|it| end(it).is_some()));
    let Some(at) = found else { return };
    answer.blocks.truncate(at + 1);
    if let Some(AnswerBlock::Text(text) | AnswerBlock::Cited(text)) = answer.blocks.last_mut() {
        text.truncate(end(text).unwrap_or(text.len()));
    }
}
