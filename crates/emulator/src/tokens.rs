//! How the emulator counts tokens.
//!
//! A token is a word with the white space before it; a longer word counts one token per started eight
//! bytes. It is no model's tokenizer, only a rule that is simple, stable and of the right size for English
//! (about five bytes per token). Answers are cut and streamed along the same tokens, so a limit of n tokens gives
//! exactly n of them.

/// Bytes of a word that one token holds.
const WORD: usize = 8;

/// What an image counts, whatever its size.
pub(crate) const IMAGE: u64 = 1500;
/// What each message costs beside its content.
pub(crate) const PER_MESSAGE: u64 = 4;

/// Splits text into its tokens; joined again they are the text.
pub(crate) fn pieces(text: &str) -> Pieces<'_> {
    Pieces { rest: text }
}

/// See [`pieces`].
#[derive(Clone, Debug)]
pub(crate) struct Pieces<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        if self.rest.is_empty() {
            return None;
        }
        let bytes = self.rest.as_bytes();
        let start = bytes.iter().position(|it| !it.is_ascii_whitespace()).unwrap_or(bytes.len());
        let mut end = start;
        while end < bytes.len() && end - start < WORD && !bytes[end].is_ascii_whitespace() {
            end += 1;
        }
        while !self.rest.is_char_boundary(end) {
            end += 1;
        }
        let (piece, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(piece)
    }
}

/// Tokens of a text.
pub(crate) fn count(text: &str) -> u64 {
    let (mut tokens, mut word) = (0, 0);
    for byte in text.bytes() {
        if byte.is_ascii_whitespace() {
            word = 0;
        } else {
            // Continuation bytes never start a token, as a token never ends inside a character.
            if (word == 0 || word >= WORD) && byte & 0xc0 != 0x80 {
                tokens += 1;
                word = 0;
            }
            word += 1;
        }
    }
    // White space at the very end is a piece of its own.
    tokens + u64::from(text.bytes().next_back().is_some_and(|it| it.is_ascii_whitespace()))
}

/// Tokens of JSON that a model reads, such as a tool's schema: one per started four bytes.
pub(crate) fn json(text: &str) -> u64 {
    (text.len() as u64).div_ceil(4)
}

/// Tokens of a document or recording of which only the base64 length is known.
pub(crate) fn media(base64: &str) -> u64 {
    (base64.len() as u64).div_ceil(8).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_join_to_the_text_and_agree_with_the_count() {
        for text in [
            "",
            "hello",
            "hello big world",
            " lead",
            "tail \n",
            "internationalization",
            "héé wörld ünïcödé日本語日本語",
            "a  b",
        ] {
            assert_eq!(pieces(text).collect::<String>(), text);
            assert_eq!(pieces(text).count() as u64, count(text), "{text:?}");
        }
        assert_eq!(count("hello big world"), 3);
        assert_eq!(count("internationalization"), 3);
    }
}
