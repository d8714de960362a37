//! Names and ids of tools that Bedrock takes, and the way back to the client's own.

use std::collections::HashMap;

/// Most characters of a tool's name and of a tool call's id (Converse: `ToolUseBlock`).
const MOST: usize = 64;
/// What a rewritten word ends with: this mark, then sixteen hexadecimal digits of a hash of the original.
const MARK: &str = "_x";
const TAIL: usize = MARK.len() + 16;

/// The tool names of one request that had to be rewritten for Bedrock, and their originals.
///
/// A name that fits stays as it is. One that does not is shortened, cleaned and ended with a hash of the
/// original: the same in every request, so that prompt caches hold, and different for different originals.
/// A name that only looks rewritten is rewritten too, so that no two can meet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToolNames {
    originals: HashMap<String, String>,
}

impl ToolNames {
    /// The name to send to Bedrock.
    pub(crate) fn safe(&mut self, name: String) -> String {
        if fits(&name, is_name_character) {
            return name;
        }
        let safe = rewrite(&name, is_name_character);
        self.originals.insert(safe.clone(), name);
        safe
    }

    /// The client's own name for a tool that Bedrock named.
    #[must_use]
    pub fn original<'a>(&'a self, safe: &'a str) -> &'a str {
        self.originals.get(safe).map_or(safe, String::as_str)
    }
}

/// The id of a tool call to send to Bedrock. Ids in answers are Bedrock's own and need no way back.
pub(crate) fn safe_id(id: String) -> String {
    if fits(&id, is_id_character) { id } else { rewrite(&id, is_id_character) }
}

const fn is_name_character(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

const fn is_id_character(byte: u8) -> bool {
    is_name_character(byte) || matches!(byte, b'.' | b':')
}

fn fits(word: &str, allowed: fn(u8) -> bool) -> bool {
    (1..=MOST).contains(&word.len()) && word.bytes().all(allowed) && !looks_rewritten(word)
}

/// Asks only of ASCII words.
fn looks_rewritten(word: &str) -> bool {
    word.len() >= TAIL
        && word[word.len() - TAIL..]
            .strip_prefix(MARK)
            .is_some_and(|hash| hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')))
}

fn rewrite(word: &str, allowed: fn(u8) -> bool) -> String {
    let clean = |it: char| u8::try_from(it).ok().filter(|byte| allowed(*byte)).map_or('_', char::from);
    let mut safe: String = word.chars().take(MOST - TAIL).map(clean).collect();
    safe.push_str(&format!("{MARK}{:016x}", fnv1a(word.as_bytes())));
    safe
}

/// The FNV-1a hash, 64 bits: written down here because it must never change with a library's version.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_fit_stay() {
        let mut names = ToolNames::default();
        for name in ["get_weather", "a", "A-1", &"x".repeat(64)] {
            assert_eq!(names.safe(name.to_owned()), name);
        }
        assert_eq!(names, ToolNames::default());
        assert_eq!(safe_id("call_1.2:3".into()), "call_1.2:3");
    }

    #[test]
    fn other_names_are_rewritten_apart_and_come_back() {
        let mut names = ToolNames::default();
        let long = "x".repeat(65);
        let rewritten = names.safe("a.b".into());
        let weird = ["a.b", "a:b", "a b", "ä", "", "日本語ツール", long.as_str(), rewritten.as_str()];
        let safe: Vec<String> = weird.iter().map(|name| names.safe((*name).to_owned())).collect();
        for (original, safe) in weird.iter().zip(&safe) {
            assert!(fits_bedrock(safe, is_name_character), "{safe}");
            assert_eq!(names.original(safe), *original);
        }
        let different: std::collections::HashSet<_> = safe.iter().collect();
        assert_eq!(different.len(), weird.len());
    }

    #[test]
    fn ids_are_rewritten_the_same_way_each_time() {
        let id = "call/1|2".to_owned();
        assert_eq!(safe_id(id.clone()), safe_id(id.clone()));
        assert_ne!(safe_id(id), safe_id("call/1|3".into()));
        assert!(fits_bedrock(&safe_id("é".repeat(100)), is_id_character));
    }

    fn fits_bedrock(word: &str, allowed: fn(u8) -> bool) -> bool {
        (1..=MOST).contains(&word.len()) && word.bytes().all(allowed)
    }
}
