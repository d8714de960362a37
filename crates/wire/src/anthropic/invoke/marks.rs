//! What `cache_control` says, wherever it stands in a body.

use outcrop_chat::InvalidRequest;
use serde_json::value::RawValue;

use super::super::blocks;
use super::super::request::CacheControl;
use super::is_marked;
use super::object::Object;

/// Checks every mark of a body, as Anthropic does: Bedrock takes a time that it does not know for none.
///
/// # Errors
/// [`InvalidRequest`] for a time or kind that nobody knows.
pub(super) fn check(given: &[u8], fields: &Object<'_>) -> Result<(), InvalidRequest> {
    if !is_marked(given) {
        return Ok(());
    }
    own(fields)?;
    for name in ["tools", "system"] {
        fields.get(name).map_or(Ok(()), blocks_of)?;
    }
    let messages: Vec<&RawValue> = fields.of("messages").unwrap_or_default();
    let contents = messages.into_iter().filter_map(|it| Object::read(it)?.get("content"));
    contents.into_iter().try_for_each(blocks_of)
}

/// The marks of blocks, and of those within them: results of tools have some.
fn blocks_of(list: &RawValue) -> Result<(), InvalidRequest> {
    // What says nothing of marks is large and often no list.
    if !is_marked(list.get().as_bytes()) {
        return Ok(());
    }
    let list: Vec<&RawValue> = serde_json::from_str(list.get()).unwrap_or_default();
    for fields in list.into_iter().filter_map(Object::read) {
        own(&fields)?;
        let inner: Vec<&RawValue> = fields.of("content").unwrap_or_default();
        inner.into_iter().filter_map(Object::read).try_for_each(|inner| own(&inner))?;
    }
    Ok(())
}

/// The mark of one block. What has another shape is for Bedrock to refuse.
fn own(fields: &Object<'_>) -> Result<(), InvalidRequest> {
    fields.of::<CacheControl>("cache_control").map_or(Ok(()), |control| blocks::ttl(&control).map(drop))
}
