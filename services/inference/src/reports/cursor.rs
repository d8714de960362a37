//! Where a page ended, as text that means nothing to whoever passes it on.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use outcrop_ports::ReportCursor;

use super::Unfit;

/// Longest cursor that is read, characters.
const MOST: usize = 16 * 1024;

pub(super) fn write(cursor: &ReportCursor) -> String {
    let json = serde_json::to_vec(cursor).unwrap_or_default();
    URL_SAFE_NO_PAD.encode(json)
}

/// Reads the cursor of a question with so many things to group by.
pub(super) fn read(text: &str, dimensions: usize) -> Result<ReportCursor, Unfit> {
    let bytes = (text.len() <= MOST).then(|| URL_SAFE_NO_PAD.decode(text).ok()).flatten();
    let cursor = bytes.and_then(|bytes| serde_json::from_slice::<ReportCursor>(&bytes).ok());
    let clean = |part: &Option<String>| part.as_ref().is_none_or(|it| !it.contains('\0'));
    cursor
        .filter(|cursor| cursor.len() == dimensions && cursor.iter().all(clean))
        .ok_or_else(|| Unfit::new("after", "must be `next` of a page of the same question"))
}
