//! One JSON object a line. No name is in it twice: readers disagree on which would count.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use outcrop_telemetry::names;
use outcrop_types::without_secrets;

use super::fields::{self, LINE, Said, Shown, VALUE, Value};

/// Kept free at the end of a line for whom it is about.
const ABOUT: usize = 1_024;
/// Most names that one line has.
const NAMES: usize = 64;

/// Writes it behind what is there.
pub(super) fn write(service: &str, said: &Said<'_>, line: &mut String) {
    let begin = line.len();
    let whole = object(service, said, Shown::AsGiven, line);
    // One look over all of a line costs less than one at each value, and nearly never finds anything.
    let clean = matches!(line.get(begin..).map(without_secrets), Some(Cow::Borrowed(_)));
    // Cut in two, a secret is no longer known for one.
    if !whole || !clean {
        line.truncate(begin);
        object(service, said, Shown::WithoutSecrets, line);
    }
}

/// Whether nothing of it was cut.
fn object(service: &str, said: &Said<'_>, shown: Shown, line: &mut String) -> bool {
    let begin = line.len();
    line.push_str("{\"timestamp\":\"");
    fields::now(line);
    line.push_str("\",\"level\":\"");
    line.push_str(said.level().as_str());
    line.push('"');
    let seen = Names::of(["timestamp", "level", "cut"]);
    let mut object = Object { line, seen, cut: false, most: begin + LINE - ABOUT };
    object.put(names::SERVICE, &Value::Text(service));
    object.put("target", &Value::Text(&said.target(shown)));
    // Of all fields the message comes first.
    said.fields(shown, |name, value| {
        // What the `log` crate says of where it was is the target.
        if !name.starts_with("log.") {
            object.put(name, &value);
        }
    });
    object.most = begin + LINE - 32;
    let mut text = String::new();
    said.about(|name, value| {
        // Most lines that are about somebody name them themselves.
        if object.seen.has(name) {
            return;
        }
        text.clear();
        // A `String` takes everything.
        let _ = write!(text, "{value}");
        let text = match shown {
            Shown::AsGiven => Cow::Borrowed(text.as_str()),
            Shown::WithoutSecrets => without_secrets(&text),
        };
        object.put(name, &Value::Text(fields::up_to(&text, 256)));
    });
    let cut = object.cut;
    if cut {
        line.push_str(",\"cut\":true");
    }
    line.push('}');
    !cut
}

/// The names that are in a line already.
struct Names {
    names: [&'static str; NAMES],
    count: usize,
    /// A bit for every name; what has none of its own may be here still.
    marks: u64,
}

impl Names {
    fn of<const N: usize>(first: [&'static str; N]) -> Self {
        let mut it = Self { names: [""; NAMES], count: 0, marks: 0 };
        first.into_iter().for_each(|name| it.add(name));
        it
    }

    fn has(&self, name: &str) -> bool {
        self.marks & mark(name) != 0 && self.names.get(..self.count).unwrap_or_default().contains(&name)
    }

    const fn is_full(&self) -> bool {
        self.count >= NAMES
    }

    fn add(&mut self, name: &'static str) {
        if let Some(place) = self.names.get_mut(self.count) {
            *place = name;
            self.count += 1;
            self.marks |= mark(name);
        }
    }
}

/// By the length and the two ends, in which names differ most.
fn mark(name: &str) -> u64 {
    let [first, .., last] = name.as_bytes() else { return 1 };
    let mixed = name.len() ^ (usize::from(*first) << 1) ^ (usize::from(*last) << 3);
    1 << (mixed % 64)
}

struct Object<'a> {
    line: &'a mut String,
    seen: Names,
    /// Something is missing.
    cut: bool,
    most: usize,
}

impl Object<'_> {
    fn put(&mut self, name: &'static str, value: &Value<'_>) {
        // Raw identifiers are a matter of Rust's.
        let name = name.strip_prefix("r#").unwrap_or(name);
        if self.seen.has(name) {
            return;
        }
        let room = self.most.saturating_sub(self.line.len() + name.len() + 8);
        if room < 16 || self.seen.is_full() {
            self.cut = true;
            return;
        }
        self.seen.add(name);
        self.line.push_str(",\"");
        escape(name, self.line, usize::MAX);
        self.line.push_str("\":");
        match value {
            Value::Bare(bare) => self.bare(bare),
            Value::Text(text) => self.text(text, room),
        }
    }

    fn bare(&mut self, value: &dyn fmt::Display) {
        // A `String` takes everything; numbers are short.
        let _ = write!(self.line, "{value}");
    }

    fn text(&mut self, text: &str, room: usize) {
        let short = fields::up_to(text, VALUE);
        self.line.push('"');
        let whole = escape(short, self.line, room);
        if !whole || short.len() < text.len() {
            self.line.push('…');
            self.cut = true;
        }
        self.line.push('"');
    }
}

/// Whether all of it had room.
fn escape(text: &str, line: &mut String, room: usize) -> bool {
    // Nearly everything is plain, and goes in one piece.
    if text.len() <= room.saturating_sub(12) && is_plain(text.as_bytes()) {
        line.push_str(text);
        return true;
    }
    let until = line.len().saturating_add(room);
    for c in text.chars() {
        // The longest of them is written as a pair of six each.
        if line.len().saturating_add(12) > until {
            return false;
        }
        match c {
            '"' => line.push_str("\\\""),
            '\\' => line.push_str("\\\\"),
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            c if fields::is_control(c) => {
                let _ = write!(line, "\\u{:04x}", u32::from(c));
            }
            c => line.push(c),
        }
    }
    true
}

/// Whether all of it is ASCII that stands for itself: eight bytes at a time, the last ones maybe twice.
fn is_plain(text: &[u8]) -> bool {
    let (words, rest) = text.as_chunks::<8>();
    let last = if rest.is_empty() { None } else { text.last_chunk::<8>() };
    if words.is_empty() {
        return rest.iter().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\'));
    }
    words.iter().chain(last).all(|word| odd(u64::from_ne_bytes(*word)) == 0)
}

/// The highest bit of at least one byte where there is a byte that is not plain; else none.
const fn odd(word: u64) -> u64 {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;
    /// A byte that is zero borrows from its highest bit.
    const fn zero(word: u64) -> u64 {
        word.wrapping_sub(ONES) & !word
    }
    const fn is(word: u64, byte: u8) -> u64 {
        zero(word ^ (ONES * byte as u64))
    }
    let control = word.wrapping_sub(ONES * b' ' as u64) & !word;
    (word | control | is(word, b'"') | is(word, b'\\') | is(word, 0x7f)) & HIGH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_is_what_stands_for_itself() {
        for byte in 0..=u8::MAX {
            let plain = (b' '..=b'~').contains(&byte) && byte != b'"' && byte != b'\\';
            for length in [1, 15, 16, 17, 40] {
                let mut text = vec![b'a'; length];
                for place in [0, length / 2, length - 1] {
                    text[place] = byte;
                    assert_eq!(is_plain(&text), plain, "{byte} at {place} of {length}");
                    text[place] = b'a';
                }
            }
        }
    }

    #[test]
    fn names_that_look_alike_are_told_apart() {
        let mut seen = Names::of(["abc"]);
        assert!(seen.has("abc") && !seen.has("axc"));
        seen.add("axc");
        assert!(seen.has("axc") && !seen.has("ayc") && !seen.has(""));
    }
}
