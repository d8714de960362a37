//! Room for so many bytes of JSON: texts are masked first, and then cut.

use serde_json::Value;

use super::MARGIN;
use super::redact::{redact, redact_value};

/// Stands at the end of a text that was cut.
const CUT: &str = "…[cut]";

/// What stands around each text: braces, names, commas.
const AROUND: usize = 72;

/// What is left.
#[derive(Debug)]
pub(super) struct Room {
    left: usize,
}

impl Room {
    /// So many bytes, what stands around all of it among them.
    pub(super) const fn new(most: usize) -> Self {
        Self { left: most.saturating_sub(2 * AROUND) }
    }

    /// Whether there is none left.
    pub(super) const fn is_full(&self) -> bool {
        self.left <= AROUND
    }

    /// As much of a text as there is room for.
    pub(super) fn text(&mut self, text: &str) -> String {
        self.left = self.left.saturating_sub(AROUND);
        let near = &text[..text.floor_char_boundary(self.left.saturating_add(MARGIN))];
        let mut shown = redact(near);
        let least = self.left.saturating_sub(CUT.len());
        let (mut taken, mut keep) = (0, 0);
        for (at, c) in shown.char_indices() {
            if taken <= least {
                keep = at;
            }
            taken += written(c);
        }
        if taken > self.left || near.len() < text.len() {
            shown.truncate(if taken > least { keep } else { shown.len() });
            shown.push_str(CUT);
            self.left = 0;
        } else {
            self.left -= taken;
        }
        shown
    }

    /// A short name.
    pub(super) fn name(&mut self, name: &str) -> String {
        self.left = self.left.saturating_sub(name.len());
        redact(&name[..name.floor_char_boundary(64)])
    }

    /// A value, if there is room for all of it.
    pub(super) fn value(&mut self, value: &Value) -> Value {
        self.left = self.left.saturating_sub(AROUND);
        let value = redact_value(value);
        let length = value.to_string().len();
        if length > self.left {
            self.left = 0;
            return CUT.into();
        }
        self.left -= length;
        value
    }
}

/// How many bytes a character is in JSON.
const fn written(c: char) -> usize {
    match c {
        '"' | '\\' | '\n' | '\r' | '\t' => 2,
        '\u{0}'..='\u{1f}' => 6,
        _ => c.len_utf8(),
    }
}
