//! One block of a message.

use outcrop_chat::{Block, CacheTtl, InvalidRequest, Reasoning, Role, ToolUse};
use serde_json::{Map, Value};

use super::Version;
use super::request::{self, CacheControl, Citations};
use super::turns::{Path, Reading};
use crate::base64;
use crate::json::shorten;
use crate::tool_names::safe_id;

/// How long a `cache_control` asks to keep what stands before it.
pub(super) fn ttl(control: &CacheControl) -> Result<CacheTtl, InvalidRequest> {
    if control.r#type != "ephemeral" {
        let kind = shorten(&control.r#type);
        let message = format!("`cache_control.type` must be `ephemeral`, not `{kind}`.");
        return Err(InvalidRequest::new("cache_control.type", message));
    }
    let Some(ttl) = &control.ttl else { return Ok(CacheTtl::FiveMinutes) };
    CacheTtl::parse(ttl).ok_or_else(|| {
        let message = format!("`cache_control.ttl` must be `5m` or `1h`, not `{}`.", shorten(ttl));
        InvalidRequest::new("cache_control.ttl", message)
    })
}

/// Says that a field is missing.
pub(super) fn required(param: String) -> InvalidRequest {
    let message = format!("`{param}` is required.");
    InvalidRequest::new(param, message)
}

impl Reading<'_> {
    /// A block by its `type`; kinds that stand for work of Anthropic's own servers are refused by name.
    pub(super) fn block(
        &mut self,
        path: Path,
        role: Role,
        mut block: request::Block<'_>,
    ) -> Result<Block, InvalidRequest> {
        let kind = std::mem::take(&mut block.r#type);
        match (&*kind, role) {
            ("text", _) => self.text(path, role, block).map(Block::Text),
            ("image", Role::User) => self.image(path, block),
            ("document", Role::User) => self.document(path, block),
            ("document", Role::Assistant) if self.context.version == Version::V20230601 => {
                self.document(path, block)
            }
            ("search_result", Role::User) => self.search_result(path, block).map(Block::SearchResult),
            ("tool_result", Role::User) => self.tool_result(path, block).map(Block::ToolResult),
            ("tool_use", Role::Assistant) => self.tool_use(path, block).map(Block::ToolUse),
            ("thinking", Role::Assistant) => thinking(path, block).map(Block::Reasoning),
            ("redacted_thinking", Role::Assistant) => redacted(path, block).map(Block::Reasoning),
            (kind, role) => Err(misplaced(path, kind, role)),
        }
    }

    /// The text of a block. Where it was found is for Claude alone to read.
    pub(super) fn text(
        &mut self,
        path: Path,
        role: Role,
        block: request::Block<'_>,
    ) -> Result<String, InvalidRequest> {
        if matches!(block.citations, Some(Citations::List(1..))) {
            if role == Role::User && self.context.version == Version::V20261021 {
                let param = path.field("citations");
                let message = format!(
                    "`{param}` may only stand in an assistant's text from `anthropic-version: 2026-10-21` on."
                );
                return Err(InvalidRequest::new(param, message));
            }
            self.context.dropped.note("messages.content.citations");
        }
        block.text.map(|text| text.0.into_owned()).ok_or_else(|| required(path.field("text")))
    }

    fn tool_use(&mut self, path: Path, block: request::Block<'_>) -> Result<ToolUse, InvalidRequest> {
        let id = block.id.filter(|it| !it.is_empty()).ok_or_else(|| required(path.field("id")))?;
        let name = block.name.filter(|it| !it.is_empty()).ok_or_else(|| required(path.field("name")))?;
        let input = match block.input {
            None => Value::Object(Map::new()),
            Some(input @ Value::Object(_)) => input,
            Some(_) => {
                let param = path.field("input");
                let message = format!("`{param}` must be an object.");
                return Err(InvalidRequest::new(param, message));
            }
        };
        Ok(ToolUse { id: safe_id(id), name: self.context.names.safe(name), input })
    }
}

fn thinking(path: Path, block: request::Block<'_>) -> Result<Reasoning, InvalidRequest> {
    let text = block.thinking.ok_or_else(|| required(path.field("thinking")))?;
    // Models that do not sign are answered for with an empty signature, which comes back as such.
    Ok(Reasoning::Text { text, signature: block.signature.filter(|it| !it.is_empty()) })
}

fn redacted(path: Path, block: request::Block<'_>) -> Result<Reasoning, InvalidRequest> {
    let data = block.data.ok_or_else(|| required(path.field("data")))?;
    let bytes = base64::decode(&data.0).ok_or_else(|| {
        let param = path.field("data");
        let message = format!("`{param}` is not what a model of this platform wrote: it is no base64.");
        InvalidRequest::new(param, message)
    })?;
    Ok(Reasoning::Redacted(bytes.into()))
}

/// A kind of block that cannot stand where it stands, or that only Claude knows.
pub(super) fn misplaced(path: Path, kind: &str, role: Role) -> InvalidRequest {
    const OURS: [&str; 8] = [
        "text",
        "image",
        "document",
        "search_result",
        "tool_result",
        "tool_use",
        "thinking",
        "redacted_thinking",
    ];
    let param = path.field("type");
    let message = if OURS.contains(&kind) {
        let role = match role {
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::System => "system",
        };
        format!("`{param}`: a `{kind}` block cannot stand here, in a message of role `{role}`.")
    } else if is_anthropics_own(kind) {
        format!("`{param}`: `{kind}` blocks belong to tools of Anthropic's, which only Claude models have.")
    } else {
        format!("`{param}` is `{}`, which is no kind of content.", shorten(kind))
    };
    InvalidRequest::new(param, message)
}

fn is_anthropics_own(kind: &str) -> bool {
    matches!(
        kind,
        "server_tool_use"
            | "container_upload"
            | "tool_reference"
            | "mcp_tool_use"
            | "mcp_tool_result"
            | "compaction"
            | "tool_addition"
            | "tool_removal"
    ) || kind.ends_with("_tool_result")
}
