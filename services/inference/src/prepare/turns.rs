//! What a model cannot take in the turns of a conversation, and does take in another place.

use outcrop_chat::{
    Block, InvalidRequest, Message, Request, Role, SystemBlock, ToolResultBlock, media_beside_results,
    normalise, system_turns_as_text, wedged_system_turns_as_text,
};
use outcrop_ports::Modality;

use super::taken::Taken;

/// Asks a model for more that does not continue a turn that the client began.
const CONTINUE: &str = "Continue.";

/// What marks instructions that stand among the user's words.
const MARK: &str = "[System instruction]";

/// Refuses media that the model does not read.
///
/// # Errors
/// [`InvalidRequest`] with the field that holds the turns.
pub(super) fn check_media(request: &Request, taken: &Taken<'_>) -> Result<(), InvalidRequest> {
    for block in request.messages.iter().flat_map(|it| &it.content) {
        match block {
            Block::Image(_) => reads(taken, Modality::Image, "images")?,
            Block::Document(_) => reads(taken, Modality::Document, "documents")?,
            Block::Video(_) => reads(taken, Modality::Video, "videos")?,
            Block::Audio(_) => reads(taken, Modality::Audio, "audio")?,
            Block::ToolResult(result) => {
                for block in &result.content {
                    match block {
                        ToolResultBlock::Image(_) => reads(taken, Modality::Image, "images")?,
                        ToolResultBlock::Document(_) => reads(taken, Modality::Document, "documents")?,
                        ToolResultBlock::Video(_) => reads(taken, Modality::Video, "videos")?,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn reads(taken: &Taken<'_>, modality: Modality, what: &str) -> Result<(), InvalidRequest> {
    if taken.model.input.contains(&modality) {
        return Ok(());
    }
    let field = taken.fields.messages;
    Err(InvalidRequest::new(field, format!("`{field}`: model {} reads no {what}.", taken.model.id)))
}

/// Puts what the model does not take where it stands into a place where it does: instructions in the middle or before
/// the conversation into the user's words, media beside the tool results that they stood in. A turn of the assistant
/// that the model would not continue is followed by a request to go on, and named: the answer then begins anew.
pub(super) fn place(mut request: Request, thinks: bool, taken: &mut Taken<'_>) -> Request {
    let model = taken.model;
    request =
        if model.system_turns { wedged_system_turns_as_text(request) } else { system_turns_as_text(request) };
    if !model.system && !request.system.is_empty() {
        request = instructions_as_text(request);
    }
    if !model.tool_result_media {
        request = media_beside_results(request);
    }
    let begun = request.messages.last().is_some_and(|it| {
        it.role == Role::Assistant && !it.content.iter().any(|it| matches!(it, Block::ToolUse(_)))
    });
    if begun && (!model.prefill || thinks) {
        let content = vec![Block::Text(CONTINUE.to_owned())];
        request.messages.push(Message { role: Role::User, content });
        taken.name(taken.fields.prefill);
    }
    request
}

/// Instructions before the conversation, at the beginning of the user's first turn.
fn instructions_as_text(mut request: Request) -> Request {
    let texts = std::mem::take(&mut request.system).into_iter().filter_map(|block| match block {
        SystemBlock::Text(text) => Some(Block::Text(format!("{MARK}\n{text}"))),
        SystemBlock::Guard(guarded) => Some(Block::Guard(guarded)),
        SystemBlock::CachePoint(_) => None,
    });
    request.messages.insert(0, Message { role: Role::User, content: texts.collect() });
    normalise(request)
}

#[cfg(test)]
#[path = "turns_tests.rs"]
mod tests;
