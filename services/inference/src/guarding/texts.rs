//! The texts of a request and of an answer that guardrails look at, and how what is masked takes their place.
//!
//! Of a request those are the texts of all turns: what was said, what tools gave, what a search found, documents of plain
//! text. Instructions are looked at where they are marked for it, as Bedrock does, and so is nothing but what is marked
//! where a client's own guardrail meets marks. Thoughts are not looked at, as by Bedrock itself; calls of tools are, as
//! the JSON that was written.

use outcrop_chat::{
    Block, DocumentSource, GuardedText, Request, Response, StopReason, SystemBlock, ToolResultBlock,
};
use serde_json::Value;

/// Which texts of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    /// Whatever is marked.
    All,
    /// Those that are marked in the turns, if any is.
    Marked,
}

/// The texts of a request, which is left as it is.
pub(super) fn of_request(request: &mut Request, which: Which) -> Vec<String> {
    let mut texts = Vec::new();
    each(request, which, |text| texts.push(text.clone()));
    texts
}

/// Puts other texts in the place of those that [`of_request`] gave, in their order.
pub(super) fn put(request: &mut Request, which: Which, texts: Vec<String>) {
    let mut texts = texts.into_iter();
    each(request, which, |text| {
        if let Some(new) = texts.next() {
            *text = new;
        }
    });
}

/// Whether texts are all that a guardrail could look at: no pictures, no files, nothing that an answer is to be grounded in.
pub(super) fn are_all(request: &Request) -> bool {
    let is_plain =
        |guarded: &GuardedText| guarded.qualifiers.iter().all(|it| it != "grounding_source" && it != "query");
    let in_system = request.system.iter().all(|it| match it {
        SystemBlock::Guard(guarded) => is_plain(guarded),
        _ => true,
    });
    let in_result =
        |block: &ToolResultBlock| !matches!(block, ToolResultBlock::Image(_) | ToolResultBlock::Document(_));
    in_system
        && request.messages.iter().flat_map(|it| &it.content).all(|block| match block {
            Block::Guard(guarded) => is_plain(guarded),
            Block::Image(_) => false,
            Block::Document(document) => !matches!(document.source, DocumentSource::File(_)),
            Block::ToolResult(result) => result.content.iter().all(in_result),
            _ => true,
        })
}

fn each(request: &mut Request, which: Which, mut visit: impl FnMut(&mut String)) {
    for block in &mut request.system {
        if let SystemBlock::Guard(guarded) = block {
            visit(&mut guarded.text);
        }
    }
    let any = request.messages.iter().flat_map(|it| &it.content).any(|it| matches!(it, Block::Guard(_)));
    let marked = which == Which::Marked && any;
    for block in request.messages.iter_mut().flat_map(|it| &mut it.content) {
        match block {
            Block::Guard(guarded) => visit(&mut guarded.text),
            _ if marked => {}
            Block::Text(text) => visit(text),
            Block::Cited(cited) => visit(&mut cited.text),
            Block::SearchResult(found) => found.content.iter_mut().for_each(&mut visit),
            Block::Document(document) => match &mut document.source {
                DocumentSource::Text(text) => visit(text),
                DocumentSource::Parts(parts) => parts.iter_mut().for_each(&mut visit),
                DocumentSource::File(_) => {}
            },
            Block::ToolResult(result) => result.content.iter_mut().for_each(|it| of_result(it, &mut visit)),
            _ => {}
        }
    }
}

fn of_result(block: &mut ToolResultBlock, visit: &mut impl FnMut(&mut String)) {
    match block {
        ToolResultBlock::Text(text) => visit(text),
        ToolResultBlock::SearchResult(found) => found.content.iter_mut().for_each(visit),
        ToolResultBlock::Json(json) => {
            let before = json.to_string();
            let mut text = before.clone();
            visit(&mut text);
            if text != before {
                *block = match serde_json::from_str(&text) {
                    Ok(json) => ToolResultBlock::Json(json),
                    Err(_) => ToolResultBlock::Text(text),
                };
            }
        }
        _ => {}
    }
}

/// The texts of an answer.
pub(super) fn of_answer(response: &Response) -> Vec<String> {
    let text = |block: &Block| match block {
        Block::Text(text) => Some(text.clone()),
        Block::Cited(cited) => Some(cited.text.clone()),
        Block::ToolUse(call) => Some(call.input.to_string()),
        _ => None,
    };
    response.content.iter().filter_map(text).collect()
}

/// Puts what is masked in the place of [`of_answer`]; `false` if a call of a tool is none then.
pub(super) fn mask_answer(response: &mut Response, texts: Vec<String>) -> bool {
    // The model's own fields may repeat what is masked.
    response.extra.fields = None;
    let mut texts = texts.into_iter();
    for block in &mut response.content {
        let (Block::Text(_) | Block::Cited(_) | Block::ToolUse(_)) = block else { continue };
        let Some(new) = texts.next() else { return false };
        match block {
            Block::Text(text) => *text = new,
            // Where it was found would tell what was masked.
            Block::Cited(_) => *block = Block::Text(new),
            Block::ToolUse(call) => match arguments(&new) {
                Some(input) => call.input = input,
                None => return false,
            },
            _ => {}
        }
    }
    true
}

/// The arguments of a call, if the text is some still.
pub(super) fn arguments(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok().filter(Value::is_object)
}

/// Puts a guardrail's message in the place of what was said.
pub(super) fn block_answer(response: &mut Response, message: String) {
    response.content = vec![Block::Text(message)];
    response.stop_reason = StopReason::GuardrailIntervened;
    response.extra.stop_sequence = None;
    // The model's own fields may repeat what it said.
    response.extra.fields = None;
}
