//! Fields that several small requests have in common.

use std::collections::BTreeMap;

use outcrop_chat::InvalidRequest;

use crate::json::shorten;
use crate::request_metadata;

/// What one of these words stands for; `None` where none is given.
pub(super) fn one_of<T: Copy>(
    field: &'static str,
    given: Option<&str>,
    known: &[(&'static str, T)],
) -> Result<Option<T>, InvalidRequest> {
    let Some(given) = given else { return Ok(None) };
    match known.iter().find(|(word, _)| *word == given) {
        Some((_, meaning)) => Ok(Some(*meaning)),
        None => {
            let words: Vec<String> = known.iter().map(|(word, _)| format!("`{word}`")).collect();
            let words = words.join(", ");
            let message = format!("`{field}` must be one of {words}, not `{}`.", shorten(given));
            Err(InvalidRequest::new(field, message))
        }
    }
}

/// Who the request is made for, as pairs for Bedrock's invocation log; what does not fit there is noted as dropped.
pub(super) fn metadata<const N: usize>(
    fields: [(&'static str, Option<String>); N],
    dropped: &mut Vec<&'static str>,
) -> BTreeMap<String, String> {
    let mut pairs = BTreeMap::new();
    for (field, value) in fields {
        match value {
            Some(value) if !value.is_empty() && request_metadata::fits(&value) => {
                pairs.insert(field.to_owned(), value);
            }
            Some(value) if !value.is_empty() => dropped.push(field),
            _ => {}
        }
    }
    pairs
}
