//! How much of a stream is looked at together.

/// The first window is full where a sentence ends behind so many bytes: the client is to see something soon, though
/// [`TAIL`] is held back.
const FIRST: usize = 320;
/// The same for those that follow. A look costs by the started thousand of characters, the tail among them.
const USUAL: usize = 600;
/// A window is full at so many bytes, wherever a word ends.
const MOST: usize = 780;
/// So many characters of what was looked at are looked at once more with what follows: what must not be said may stand
/// on both sides of a window's edge.
const TAIL: usize = 200;

/// Where the tail of a text begins, which is a word's beginning, if there is one not far away; the beginning of all where
/// the text is no longer than that.
pub(super) fn tail(text: &str) -> usize {
    let before = |end: usize, count: usize| {
        text[..end].char_indices().rev().nth(count.saturating_sub(1)).map_or(0, |(at, _)| at)
    };
    let start = before(text.len(), TAIL);
    let near = before(start, TAIL / 2);
    let space = text[near..start].char_indices().rev().find(|(_, it)| it.is_whitespace());
    space.map_or(start, |(at, space)| near + at + space.len_utf8())
}

/// Where a window ends that is full; nothing if it is not. `first`: whether none was full yet.
pub(super) fn full(text: &str, first: bool) -> Option<usize> {
    end(text, if first { FIRST } else { USUAL })
}

fn end(text: &str, least: usize) -> Option<usize> {
    if text.len() < least {
        return None;
    }
    let is_end = |(at, it): &(usize, char)| {
        it.is_whitespace() && text[..*at].ends_with(['.', '!', '?', ':', '\n', '。'])
    };
    let sentence = text.char_indices().rev().find(is_end).filter(|(at, _)| *at >= least / 2);
    if let Some((at, space)) = sentence {
        return Some(at + space.len_utf8());
    }
    if text.len() < MOST {
        return None;
    }
    let word = text.char_indices().rev().find(|(at, it)| it.is_whitespace() && *at > 0);
    match word {
        Some((at, space)) => Some(at + space.len_utf8()),
        // Scripts without spaces.
        None => (text.len() >= 4 * MOST).then(|| text.floor_char_boundary(4 * MOST)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_is_bounded_and_begins_with_a_word() {
        assert_eq!((tail(""), tail("short"), tail(&"é".repeat(200))), (0, 0, 0));
        assert_eq!(tail(&"é".repeat(500)), 2 * 300);
        let words = "seven7 ".repeat(100);
        let at = tail(&words);
        assert!(words[at..].starts_with("seven7") && (200..208).contains(&(words.len() - at)), "{at}");
    }

    #[test]
    fn windows_end_where_sentences_and_words_do() {
        assert_eq!(end("One. Two", 100), None);
        assert_eq!(end("One two three. Four fi", 20), Some("One two three. ".len()));
        assert_eq!(end("One two three four five", 20), None, "no sentence has ended");
        let words = "word ".repeat(250);
        assert_eq!(end(&format!("{words}wo"), 20), Some(words.len()), "no word is cut");
        assert_eq!(end(&"é".repeat(3_000), 20), Some(4 * MOST));
    }
}
