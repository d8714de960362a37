//! `cache_control` of the request itself: the cache point goes behind the last block that can be kept.

use outcrop_chat::{Block, CacheTtl, Request};

/// Puts the cache point behind the last block that is no thought and not blank, unless one stands there already.
pub(super) fn place(mut request: Request, ttl: Option<CacheTtl>) -> Request {
    let Some(ttl) = ttl else { return request };
    for message in request.messages.iter_mut().rev() {
        let last = message.content.iter().rposition(|block| match block {
            Block::Text(text) => !text.trim().is_empty(),
            Block::Reasoning(_) => false,
            _ => true,
        });
        let Some(last) = last else { continue };
        if !matches!(message.content[last], Block::CachePoint(_)) {
            message.content.insert(last + 1, Block::CachePoint(ttl));
        }
        break;
    }
    request
}
