//! Words of clients as Bedrock's `requestMetadata`, which its invocation log holds.

use std::collections::BTreeMap;

/// Most pairs (Amazon Bedrock API reference, Converse).
pub(crate) const MOST_PAIRS: usize = 16;

/// OpenAI's `metadata`, with fields that say who the request is made for.
///
/// A pair that does not fit would cost the client the whole answer, so it is left out, and its field noted.
pub(crate) fn pairs<const N: usize>(
    given: Option<BTreeMap<String, String>>,
    own: [(&'static str, Option<String>); N],
    mut note: impl FnMut(&'static str),
) -> BTreeMap<String, String> {
    let mut pairs = BTreeMap::new();
    for (key, value) in given.unwrap_or_default() {
        if pairs.len() < MOST_PAIRS && !key.is_empty() && fits(&key) && fits(&value) {
            pairs.insert(key, value);
        } else {
            note("metadata");
        }
    }
    for (key, value) in own {
        let Some(value) = value else { continue };
        if pairs.len() < MOST_PAIRS && !pairs.contains_key(key) && fits(&value) {
            pairs.insert(key.to_owned(), value);
        } else {
            note(key);
        }
    }
    pairs
}

/// The pattern of both keys and values (botocore, `RequestMetadataKeyString`).
pub(crate) fn fits(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b" \t\n\r\x0b\x0c:_@$#=/+,-.".contains(&byte);
    text.len() <= 256 && text.bytes().all(fits)
}
