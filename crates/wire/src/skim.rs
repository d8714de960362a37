//! A look at a body that is not read yet: what it seems to ask for, to choose who is to answer it.
//!
//! Names of members are searched for, wherever they stand. A tool with a parameter called `image` looks like a picture:
//! what is chosen by this is right for almost every request, and good enough for the rest.

use memchr::memmem;

/// What a body seems to ask for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Skim {
    /// Tools.
    pub tools: bool,
    /// Pictures to read.
    pub images: bool,
    /// Documents to read.
    pub documents: bool,
    /// To think.
    pub reasoning: bool,
    /// An answer of a certain schema.
    pub schema: bool,
}

/// Looks at a body in any dialect.
#[must_use]
pub fn skim(body: &[u8]) -> Skim {
    let says = |words: &[&str]| words.iter().any(|word| stands(body, word));
    Skim {
        tools: says(&["\"tools\"", "\"toolConfig\""]),
        images: says(&["\"image\"", "\"input_image\"", "\"image_url\""]),
        documents: says(&["\"document\"", "\"input_file\""]),
        reasoning: says(&["\"thinking\"", "\"reasoning\"", "\"reasoning_effort\""])
            && !says(&["\"disabled\""]),
        schema: says(&["\"json_schema\"", "\"textFormat\""]),
    }
}

/// Whether these words stand there by themselves, and not within a text that quotes them.
fn stands(body: &[u8], words: &str) -> bool {
    memmem::find_iter(body, words.as_bytes()).any(|at| at == 0 || body[at - 1] != b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_seen_and_quotes_are_not() {
        let body =
            br#"{"tools":[],"messages":[{"content":[{"type":"image"}]}],"thinking":{"type":"enabled"}}"#;
        let expected = Skim { tools: true, images: true, reasoning: true, ..Skim::default() };
        assert_eq!(skim(body), expected);
        let quoted = br#"{"prompt":"say \"tools\" and \"image\"","thinking":{"type":"disabled"}}"#;
        assert_eq!(skim(quoted), Skim::default());
    }
}
