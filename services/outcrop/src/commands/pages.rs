//! Long lists, read in pages.

use outcrop_auth::AdminError;
use outcrop_types::Page;

use crate::failure::Failure;

/// Most items asked for at once.
const PAGE: usize = 100;

/// Reads a list until `limit` items or its end. `cursor` names an item to the list.
pub(crate) async fn collect<T, C>(
    limit: u32,
    cursor: impl Fn(&T) -> C,
    fetch: impl AsyncFn(Option<C>, usize) -> Result<Page<T>, AdminError>,
) -> Result<Vec<T>, Failure> {
    let limit = limit as usize;
    let mut items: Vec<T> = Vec::new();
    loop {
        let page = fetch(items.last().map(&cursor), PAGE.min(limit - items.len())).await?;
        let more = page.has_more && !page.items.is_empty();
        items.extend(page.items);
        if !more || items.len() >= limit {
            return Ok(items);
        }
    }
}
