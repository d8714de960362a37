//! Media in the results of tools, for models that take them beside the results only.

use crate::{Block, Message, Request, ToolResult, ToolResultBlock};

/// What stands in a result for the media that were taken out of it.
const BESIDE: &str = "(attached below)";

/// Moves pictures, documents and films out of tool results, to the end of the turn that holds the results, each
/// result's behind a line that names it. Without any, the request stays as it is.
#[must_use]
pub fn media_beside_results(mut request: Request) -> Request {
    for Message { content, .. } in &mut request.messages {
        let mut beside = Vec::new();
        for block in content.iter_mut() {
            if let Block::ToolResult(result) = block {
                take_media(result, &mut beside);
            }
        }
        content.append(&mut beside);
    }
    request
}

fn take_media(result: &mut ToolResult, beside: &mut Vec<Block>) {
    let mut named = false;
    let mut kept = Vec::with_capacity(result.content.len());
    for block in std::mem::take(&mut result.content) {
        let medium = match block {
            ToolResultBlock::Image(it) => Block::Image(it),
            ToolResultBlock::Document(it) => Block::Document(it),
            ToolResultBlock::Video(it) => Block::Video(it),
            ToolResultBlock::Link(it) => Block::Link(it),
            other => {
                kept.push(other);
                continue;
            }
        };
        if !std::mem::replace(&mut named, true) {
            beside.push(Block::Text(format!("[Media of tool result {}]", result.id)));
        }
        beside.push(medium);
    }
    if kept.is_empty() && named {
        kept.push(ToolResultBlock::Text(BESIDE.to_owned()));
    }
    result.content = kept;
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::{Image, ImageFormat, Role, Source};

    #[test]
    fn media_stand_behind_the_results_and_nothing_is_lost() {
        let image = Image { format: ImageFormat::Png, source: Source::Bytes(Bytes::from_static(b"1")) };
        let result =
            |id: &str, content| Block::ToolResult(ToolResult { id: id.into(), content, is_error: false });
        let text = || ToolResultBlock::Text("a".into());
        let content = vec![
            result("1", vec![text(), ToolResultBlock::Image(image.clone())]),
            result("2", vec![ToolResultBlock::Image(image.clone())]),
            result("3", vec![text()]),
        ];
        let messages = vec![Message { role: Role::User, content }];
        let moved = media_beside_results(Request { messages, ..Request::default() });
        let expected = vec![
            result("1", vec![text()]),
            result("2", vec![ToolResultBlock::Text(BESIDE.into())]),
            result("3", vec![text()]),
            Block::Text("[Media of tool result 1]".into()),
            Block::Image(image.clone()),
            Block::Text("[Media of tool result 2]".into()),
            Block::Image(image),
        ];
        assert_eq!(moved.messages[0].content, expected);
    }
}
