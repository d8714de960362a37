//! `messages`: order of roles, and what each block may be and hold.

use super::super::request::{Block, Guard, Media, Message, Reasoning, Request};
use super::blank;
use super::media::{self, Medium};
use super::turns::{expected_results, results, tool_result, tool_use, uses};
use crate::answer::signature;
use crate::errors::Refusal;
use crate::models::{Capability, Model};

const MAX_IMAGES: usize = 20;
const MAX_DOCUMENTS: usize = 5;

pub(super) fn check(model: &Model, request: &Request<'_>, thinking: bool) -> Result<(), Refusal> {
    let messages = request.messages.as_deref().unwrap_or_default();
    roles(model, messages)?;
    let (mut images, mut documents) = (0, 0);
    let mut pending: Vec<&str> = Vec::new();
    for (at, message) in messages.iter().enumerate() {
        let role = message.role.as_deref().unwrap_or_default();
        let blocks = message.content.as_deref().unwrap_or_default();
        content(model, at, role, blocks)?;
        for block in blocks {
            images += usize::from(matches!(block, Block::Image(_)));
            documents += usize::from(matches!(block, Block::Document(_)));
        }
        match role {
            "user" => results(at, blocks, &std::mem::take(&mut pending))?,
            "assistant" => pending = uses(at, blocks)?,
            _ => {}
        }
    }
    if !pending.is_empty() {
        return Err(expected_results(messages.len(), &pending));
    }
    if images > MAX_IMAGES {
        return Err(Refusal::validation(format!(
            "The number of image blocks in messages exceeds the limit of {MAX_IMAGES}: {images}."
        )));
    }
    if documents > MAX_DOCUMENTS {
        return Err(Refusal::validation(format!(
            "The number of document blocks in messages exceeds the limit of {MAX_DOCUMENTS}: {documents}."
        )));
    }
    names(messages)?;
    if model.is_claude() {
        reasoning(messages, thinking)?;
    }
    Ok(())
}

/// Models tell documents apart by their names.
fn names(messages: &[Message<'_>]) -> Result<(), Refusal> {
    let mut seen = Vec::new();
    for block in messages.iter().flat_map(|it| it.content.iter().flatten()) {
        let Block::Document(document) = block else { continue };
        let name = document.name.as_deref().unwrap_or_default();
        if seen.contains(&name) {
            return Err(Refusal::model(format_args!(
                "messages: duplicate document name '{name}'. Document names must be unique within a request"
            )));
        }
        seen.push(name);
    }
    Ok(())
}

/// Roles: known, user first, alternating, and the last one's.
fn roles(model: &Model, messages: &[Message<'_>]) -> Result<(), Refusal> {
    let mut previous = "";
    for (at, message) in messages.iter().enumerate() {
        let path = || format!("messages.{}.member.role", at + 1);
        let role = message.role.as_deref().ok_or_else(|| Refusal::missing(&path()))?;
        match role {
            "user" | "assistant" => {}
            "system" => {
                system_message(model, at, message)?;
                continue;
            }
            other => {
                let text = "Member must satisfy enum value set: [user, assistant, system]";
                return Err(Refusal::constraint(&path(), Some(other), text));
            }
        }
        if previous.is_empty() && role != "user" {
            return Err(no_user_first());
        }
        if previous == role {
            return Err(Refusal::validation(format!(
                "A conversation must alternate between user and assistant roles. Make sure the conversation alternates between user \
                 and assistant roles and try again. (messages.{at}.role is {role} again)"
            )));
        }
        previous = role;
    }
    if previous.is_empty() {
        return Err(no_user_first());
    }
    if previous == "assistant" && !model.can(Capability::Prefill) && !ends_in_tool_use(messages) {
        return Err(Refusal::model(
            "This model does not support assistant message prefill. The conversation must end with a user message.",
        ));
    }
    if previous == "assistant"
        && model.is_claude()
        && let Some(Block::Text(text)) =
            messages.last().and_then(|it| it.content.as_deref()).and_then(<[_]>::last)
        && text.ends_with(|it: char| it.is_whitespace())
        && !blank(text)
    {
        return Err(Refusal::model("messages: final assistant content cannot end with trailing whitespace"));
    }
    Ok(())
}

/// Then the missing results are what is wrong.
fn ends_in_tool_use(messages: &[Message<'_>]) -> bool {
    let blocks = messages.last().and_then(|it| it.content.as_deref()).unwrap_or_default();
    blocks.iter().any(|it| matches!(it, Block::ToolUse(_)))
}

fn no_user_first() -> Refusal {
    Refusal::validation(
        "A conversation must start with a user message. Try again with a conversation that starts with a user message. (messages.0.role)",
    )
}

fn system_message(model: &Model, at: usize, message: &Message<'_>) -> Result<(), Refusal> {
    if !model.can(Capability::MidConversationSystem) {
        return Err(Refusal::validation(format!(
            "This model doesn't support the system role in messages (messages.{at}.role). Use the system field and try again."
        )));
    }
    if at == 0 {
        return Err(no_user_first());
    }
    let blocks = message.content.as_deref().unwrap_or_default();
    let wrong = blocks.iter().position(|it| {
        !matches!(it, Block::Text(_) | Block::CachePoint(_) | Block::ToolAddition(_) | Block::ToolRemoval(_))
    });
    match wrong {
        Some(block) => Err(Refusal::validation(format!(
            "The content block at messages.{at}.content.{block} isn't allowed in a message with the system role."
        ))),
        None => Ok(()),
    }
}

fn content(model: &Model, at: usize, role: &str, blocks: &[Block<'_>]) -> Result<(), Refusal> {
    if blocks.is_empty() {
        return Err(Refusal::validation(format!(
            "The content field in the Message object at messages.{at} is empty. Add a ContentBlock object to the content field and try again."
        )));
    }
    let place = Place {
        model,
        role,
        has_text: blocks.iter().any(|it| matches!(it, Block::Text(_))),
        is_alone: blocks.len() == 1,
    };
    let mut tools_began = false;
    for (index, block) in blocks.iter().enumerate() {
        let path = format!("messages.{at}.content.{index}");
        match block {
            Block::Text(text) if role == "assistant" && tools_began && !blank(text) => {
                return Err(Refusal::model(format_args!(
                    "{path}: `text` blocks must come before `tool_use` blocks in an assistant message"
                )));
            }
            Block::Document(it) => document(&place, it, at, &path)?,
            block => self::block(&place, block, &path)?,
        }
        tools_began |= matches!(block, Block::ToolUse(_));
    }
    Ok(())
}

/// Where a block stands.
struct Place<'a> {
    model: &'a Model,
    role: &'a str,
    /// Whether its message has a text block.
    has_text: bool,
    /// Whether it is its message's only one.
    is_alone: bool,
}

fn block(place: &Place<'_>, block: &Block<'_>, path: &str) -> Result<(), Refusal> {
    let Place { model, role, is_alone, .. } = *place;
    let refused = match block {
        Block::Text(text) if blank(text) => format!(
            "The text field in the ContentBlock object at {path} is blank. Add text to the text field, and try again."
        ),
        Block::Image(it) => return medium(model, Medium::Image, it, role, path),
        Block::Video(it) => return medium(model, Medium::Video, it, role, path),
        Block::Audio(it) => return medium(model, Medium::Audio, it, role, path),
        Block::ToolUse(it) => return tool_use(role, it, path),
        Block::ToolResult(it) => return tool_result(model, role, it, path),
        Block::Guard(guard) => return guarded(guard, path),
        Block::Reasoning(it) => return thought(role, it, path),
        Block::SearchResult(it) => {
            let has_content = it.content.as_ref().is_some_and(|it| !it.is_empty());
            if it.source.is_some() && it.title.is_some() && has_content {
                return Ok(());
            }
            return Err(Refusal::missing(&format!("{path}.searchResult.source, title and content")));
        }
        Block::CachePoint(_) if is_alone => {
            format!("The cachePoint at {path} has no content before it in its message.")
        }
        Block::ToolAddition(_) | Block::ToolRemoval(_) if role != "system" => {
            format!("The content block at {path} is only allowed in a message with the system role.")
        }
        Block::Unknown => format!(
            "The ContentBlock object at {path} must set one of the following keys: text, image, toolUse, toolResult, document, video, \
             audio, cachePoint, reasoningContent, citationsContent, searchResult, guardContent."
        ),
        Block::Text(_)
        | Block::Document(_)
        | Block::CachePoint(_)
        | Block::Citations(_)
        | Block::ToolAddition(_)
        | Block::ToolRemoval(_) => return Ok(()),
    };
    Err(Refusal::validation(refused))
}

fn document(place: &Place<'_>, document: &Media<'_>, at: usize, path: &str) -> Result<(), Refusal> {
    medium(place.model, Medium::Document, document, place.role, path)?;
    if place.has_text {
        return Ok(());
    }
    Err(Refusal::validation(format!(
        "The content field at messages.{at}.content must include a text block when it holds a document block ({path}.document)."
    )))
}

fn medium(model: &Model, medium: Medium, media: &Media<'_>, role: &str, path: &str) -> Result<(), Refusal> {
    if role != "user" {
        let key = medium.key();
        return Err(Refusal::validation(format!(
            "The {key} block at {path} isn't allowed in a message with the {role} role. You can include {key} blocks in user messages only."
        )));
    }
    media::check(model, medium, media, path)
}

fn guarded(guard: &Guard<'_>, path: &str) -> Result<(), Refusal> {
    let whole = match guard {
        Guard::Text(text) => text.text.as_deref().is_some_and(|it| !blank(it)),
        Guard::Image(image) => {
            image.source.is_some() && matches!(image.format.as_deref(), Some("png" | "jpeg"))
        }
        Guard::Unknown => false,
    };
    if whole {
        Ok(())
    } else {
        Err(Refusal::validation(format!(
            "The guardContent at {path}.guardContent is empty or of an unsupported format."
        )))
    }
}

fn thought(role: &str, reasoning: &Reasoning<'_>, path: &str) -> Result<(), Refusal> {
    if role != "assistant" {
        return Err(Refusal::validation(format!(
            "The reasoningContent block at {path} is only allowed in a message with the assistant role."
        )));
    }
    match reasoning {
        Reasoning::Text(text) if text.text.is_none() => {
            Err(Refusal::missing(&format!("{path}.reasoningContent.reasoningText.text")))
        }
        Reasoning::Unknown => Err(Refusal::validation(format!(
            "The reasoningContent at {path} must set one of the following keys: reasoningText, redactedContent."
        ))),
        _ => Ok(()),
    }
}

/// Claude's rules for replayed reasoning: it carries our signature, and while calls are being answered the
/// assistant's message begins with it.
fn reasoning(messages: &[Message<'_>], thinking: bool) -> Result<(), Refusal> {
    if !thinking {
        return Ok(());
    }
    for (at, message) in messages.iter().enumerate() {
        for (index, block) in message.content.iter().flatten().enumerate() {
            let Block::Reasoning(Reasoning::Text(text)) = block else { continue };
            let path = format!("messages.{at}.content.{index}");
            match text.signature.as_deref() {
                None => {
                    return Err(Refusal::model(format_args!("{path}.thinking.signature: Field required")));
                }
                Some(it) if it != signature(text.text.as_deref().unwrap_or_default()) => {
                    return Err(Refusal::model(format_args!(
                        "{path}: Invalid `signature` in `thinking` block"
                    )));
                }
                Some(_) => {}
            }
        }
    }
    let Some(last) = messages.iter().rposition(|it| it.role.as_deref() == Some("assistant")) else {
        return Ok(());
    };
    let blocks = messages[last].content.as_deref().unwrap_or_default();
    let calls = blocks.iter().any(|it| matches!(it, Block::ToolUse(_)));
    if calls && !matches!(blocks.first(), Some(Block::Reasoning(_))) {
        return Err(Refusal::model(format_args!(
            "messages.{last}.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`. When `thinking` is enabled, \
             a final `assistant` message must start with a thinking block"
        )));
    }
    Ok(())
}
