//! One JSON object a line. No name is in it twice: readers disagree on which would count.

use std::fmt::{self, Write as _};

use outcrop_telemetry::names;

use super::fields::{self, LINE, Said, VALUE, Value};

/// Kept free at the end of a line for whom it is about.
const ABOUT: usize = 1_024;
/// Most names that one line has.
const NAMES: usize = 64;

/// Writes it behind what is there.
pub(super) fn write(service: &str, said: &Said<'_>, line: &mut String) {
    line.push_str("{\"timestamp\":\"");
    fields::now(line);
    line.push_str("\",\"level\":\"");
    line.push_str(said.level().as_str());
    line.push('"');
    let mut object = Object { line, seen: Names::of(["timestamp", "level"]), cut: false, most: LINE - ABOUT };
    object.put(names::SERVICE, &Value::Text(service));
    object.put("target", &Value::Text(&said.target()));
    // Once: values are formatted as they are visited. Of all fields the message comes first.
    said.fields(|name, value| {
        // What the `log` crate says of where it was is the target.
        if !name.starts_with("log.") {
            object.put(name, &value);
        }
    });
    object.most = LINE - 32;
    let mut text = String::new();
    said.about(|name, value| {
        // Most lines that are about somebody name them themselves.
        if object.seen.has(name) {
            return;
        }
        text.clear();
        // A `String` takes everything.
        let _ = write!(text, "{value}");
        object.put(name, &Value::Text(fields::up_to(&text, 256)));
    });
    if object.cut {
        object.line.push_str(",\"cut\":true");
    }
    line.push('}');
}

/// The names that are in a line already.
struct Names {
    names: [&'static str; NAMES],
    count: usize,
}

impl Names {
    fn of<const N: usize>(first: [&'static str; N]) -> Self {
        let mut it = Self { names: [""; NAMES], count: 0 };
        first.into_iter().for_each(|name| it.add(name));
        it
    }

    fn all(&self) -> &[&'static str] {
        self.names.get(..self.count).unwrap_or_default()
    }

    fn has(&self, name: &str) -> bool {
        self.all().contains(&name)
    }

    fn is_full(&self) -> bool {
        self.count >= NAMES
    }

    fn add(&mut self, name: &'static str) {
        if let Some(place) = self.names.get_mut(self.count) {
            *place = name;
            self.count += 1;
        }
    }
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
        if name == "cut" || self.seen.has(name) {
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
    let until = line.len().saturating_add(room);
    // Nearly everything is plain, and goes in one piece.
    if text.len() <= room.saturating_sub(12) && text.bytes().all(is_plain) {
        line.push_str(text);
        return true;
    }
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

/// A byte of ASCII that stands for itself.
const fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\'
}
