//! How many media the turns of one request hold, for Bedrock takes few.

use outcrop_chat::{Block, InvalidRequest, LinkKind};

/// Most pictures of one request, outside tool results (Amazon Bedrock API reference, Message).
const MOST_IMAGES: usize = 20;
/// Most documents of one request, outside tool results (Amazon Bedrock API reference, Message).
const MOST_DOCUMENTS: usize = 5;

/// Counts while a request is read, so that nothing is spent on what is refused in the end.
#[derive(Debug, Default)]
pub(crate) struct MediaCount {
    images: usize,
    documents: usize,
}

impl MediaCount {
    /// Counts a block of a turn; `path` says where it stands, in the client's words.
    ///
    /// # Errors
    /// [`InvalidRequest`] that names the first medium too many.
    pub(crate) fn admit(
        &mut self,
        block: &Block,
        path: impl FnOnce() -> String,
    ) -> Result<(), InvalidRequest> {
        let is_image = match block {
            Block::Image(_) => true,
            Block::Document(_) => false,
            Block::Link(link) => link.kind == LinkKind::Image,
            _ => return Ok(()),
        };
        let (count, most, what) = if is_image {
            (&mut self.images, MOST_IMAGES, "images")
        } else {
            (&mut self.documents, MOST_DOCUMENTS, "documents")
        };
        if *count == most {
            let param = path();
            let message = format!("`{param}` is one too many: a request may hold at most {most} {what}.");
            return Err(InvalidRequest::new(param, message));
        }
        *count += 1;
        Ok(())
    }
}
