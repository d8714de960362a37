//! Lines for people: short, and with colours where there is a terminal.

use std::fmt::Write as _;

use outcrop_telemetry::names;
use outcrop_types::without_secrets;
use tracing::Level;

use super::fields::{self, LINE, Said, Shown, VALUE};

/// So much of an id is enough to find its siblings on a screen: its end, as ids begin with the time.
const SHORT: usize = 8;

/// Writes it behind what is there.
pub(super) fn write(colours: bool, said: &Said<'_>, line: &mut String) {
    let paint = |line: &mut String, code: &str| {
        if colours {
            let _ = write!(line, "\u{1b}[{code}m");
        }
    };
    paint(line, "2");
    fields::now(line);
    paint(line, "0");
    line.push(' ');
    paint(line, colour(said.level()));
    let _ = write!(line, "{:>5}", said.level().as_str());
    paint(line, "0");
    said.fields(Shown::WithoutSecrets, |name, value| {
        if name == "message" {
            line.push(' ');
            clean(&value.to_string(), line);
        }
    });
    let mut named = Vec::new();
    said.fields(Shown::WithoutSecrets, |name, value| {
        if name != "message" && !name.starts_with("log.") {
            named.push(name);
            line.push(' ');
            paint(line, "2");
            line.push_str(name);
            line.push('=');
            paint(line, "0");
            clean(&value.to_string(), line);
        }
    });
    said.about(|name, value| {
        let Some(label) = label(name).filter(|_| !named.contains(&name)) else { return };
        let value = value.to_string();
        let value = without_secrets(&value);
        let end = if name == names::API_KEY_PREFIX { 0 } else { value.len().saturating_sub(SHORT) };
        line.push(' ');
        paint(line, "2");
        line.push_str(label);
        line.push('=');
        clean(value.get(end..).unwrap_or(&value), line);
        paint(line, "0");
    });
}

const fn colour(level: Level) -> &'static str {
    match level {
        Level::ERROR => "31",
        Level::WARN => "33",
        Level::INFO => "32",
        Level::DEBUG => "34",
        Level::TRACE => "35",
    }
}

/// Those of the ids that people look for.
fn label(name: &str) -> Option<&'static str> {
    Some(match name {
        names::REQUEST_ID => "request",
        names::TRACE_ID => "trace",
        names::TEAM_ID => "team",
        names::SUBJECT => "subject",
        names::API_KEY_PREFIX => "key",
        _ => return None,
    })
}

/// Nothing in a value moves the cursor, or ends the line.
fn clean(text: &str, line: &mut String) {
    let room = LINE.saturating_sub(line.len()).min(VALUE);
    let short = fields::up_to(text, room);
    for c in short.chars() {
        if fields::is_control(c) {
            let _ = write!(line, "{}", c.escape_default());
        } else {
            line.push(c);
        }
    }
    if short.len() < text.len() {
        line.push('…');
    }
}
