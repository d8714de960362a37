//! What tools answered.

use outcrop_chat::{Block, InvalidRequest, Role, ToolResult, ToolResultBlock};

use super::blocks::{misplaced, required};
use super::request::{self, Content};
use super::turns::{Path, Reading};
use crate::tool_names::safe_id;

impl Reading<'_> {
    pub(super) fn tool_result(
        &mut self,
        path: Path,
        block: request::Block<'_>,
    ) -> Result<ToolResult, InvalidRequest> {
        let id = block.tool_use_id.filter(|it| !it.is_empty());
        let id = id.ok_or_else(|| required(path.field("tool_use_id")))?;
        let content = match block.content {
            None => Vec::new(),
            Some(Content::Text(text)) => vec![ToolResultBlock::Text(text.into_owned())],
            Some(Content::Blocks(blocks)) => {
                let parts = blocks.into_iter().enumerate();
                parts
                    .map(|(at, block)| self.part(Path { inner: Some(at), ..path }, block))
                    .collect::<Result<_, _>>()?
            }
        };
        Ok(ToolResult { id: safe_id(id), content, is_error: block.is_error.unwrap_or(false) })
    }

    /// A part of it. Its `cache_control` cannot stand within a result of Converse's, so it is named as dropped.
    fn part(&mut self, path: Path, mut block: request::Block<'_>) -> Result<ToolResultBlock, InvalidRequest> {
        if block.cache_control.take().is_some() {
            self.context.dropped.note("messages.content.content.cache_control");
        }
        let kind = std::mem::take(&mut block.r#type);
        Ok(match &*kind {
            "text" => ToolResultBlock::Text(self.text(path, Role::User, block)?),
            "image" => media(self.image(path, block)?, path)?,
            "document" => media(self.document(path, block)?, path)?,
            "search_result" => ToolResultBlock::SearchResult(self.search_result(path, block)?),
            other => return Err(misplaced(path, other, Role::User)),
        })
    }
}

fn media(block: Block, path: Path) -> Result<ToolResultBlock, InvalidRequest> {
    match block {
        Block::Image(image) => Ok(ToolResultBlock::Image(image)),
        Block::Document(document) => Ok(ToolResultBlock::Document(document)),
        Block::Link(link) => Ok(ToolResultBlock::Link(link)),
        _ => Err(misplaced(path, "media", Role::User)),
    }
}
