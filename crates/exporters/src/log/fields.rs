//! What an event says, piece by piece, for whoever writes it down.

use std::borrow::Cow;
use std::cell::RefCell;
use std::error::Error;
use std::fmt::{self, Write as _};

use chrono::{DateTime, Utc};
use outcrop_telemetry::{current, later, names};
use tracing::field::{Field, Visit};
use tracing::{Event, Level};

/// Longest line: more of it would be refused by those who collect logs, or cut where it hurts.
pub(super) const LINE: usize = 16 * 1_024;
/// Longest single value, so that the fields behind it are seen too.
pub(super) const VALUE: usize = 8 * 1_024;

/// A value as it was given.
pub(super) enum Value<'a> {
    /// Written as it is.
    Bare(&'a dyn fmt::Display),
    /// Text.
    Text(&'a str),
}

/// How texts are handed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// Whoever takes them looks for secrets in what comes of them.
    AsGiven,
    /// Without our own secrets.
    WithoutSecrets,
}

/// What there is to be written.
pub(super) enum Said<'a> {
    /// Somebody logged it.
    Event(&'a Event<'a>),
    /// So many lines are missing.
    Lost(u64),
}

impl<'a> Said<'a> {
    pub(super) const fn of(event: &'a Event<'a>) -> Self {
        Self::Event(event)
    }

    pub(super) const fn lost(lines: u64) -> Self {
        Self::Lost(lines)
    }

    pub(super) fn level(&self) -> Level {
        match self {
            Self::Event(event) => *event.metadata().level(),
            Self::Lost(_) => Level::WARN,
        }
    }

    /// Where it comes from; of the `log` crate's records the real place.
    pub(super) fn target(&self, shown: Shown) -> Cow<'static, str> {
        let Self::Event(event) = self else { return module_path!().into() };
        let target = event.metadata().target();
        if target != "log" {
            return target.into();
        }
        let mut real = None;
        self.fields(shown, |name, value| {
            if name == "log.target" {
                real = Some(value.to_string());
            }
        });
        real.map_or(Cow::Borrowed(target), Cow::Owned)
    }

    /// What OpenTelemetry's libraries tell of themselves is told by us, once and not for each batch.
    pub(super) fn is_ours_to_write(&self) -> bool {
        match self {
            Self::Event(event) => !event.metadata().target().starts_with("opentelemetry"),
            Self::Lost(_) => true,
        }
    }

    /// Every field, its message among them.
    pub(super) fn fields(&self, shown: Shown, mut each: impl FnMut(&'static str, Value<'_>)) {
        match self {
            Self::Event(event) => event.record(&mut Each { shown, each, room: String::new() }),
            Self::Lost(lines) => {
                each("message", Value::Text("log lines were lost: whoever reads them is too slow"));
                each("lines", Value::Bare(lines));
            }
        }
    }

    /// What the task works on.
    pub(super) fn about(&self, mut each: impl FnMut(&'static str, &dyn fmt::Display)) {
        if matches!(self, Self::Lost(_)) {
            return;
        }
        current::with(|current| {
            each(names::REQUEST_ID, &current.request_id);
            let trace = &current.trace;
            if let (Some(id), Some(xray)) = (trace.trace_id(), trace.xray_trace_id()) {
                each(names::TRACE_ID, &id);
                if let Some(span) = trace.span_id() {
                    each(names::SPAN_ID, &span);
                }
                each(names::XRAY_TRACE_ID, &xray);
            }
            if let Some(who) = current.who() {
                each(names::TEAM_ID, &who.team);
                each(names::SUBJECT, &who.subject);
                if let Some(key) = &who.key {
                    each(names::API_KEY_PREFIX, key);
                }
            }
        });
    }
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bare(value) => value.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// Hands on each field of an event. To take our own secrets out of texts is the last line of defence only: whoever logs
/// a secret has made a mistake already.
struct Each<F> {
    shown: Shown,
    each: F,
    /// For what is written before it is handed on: one text after another.
    room: String,
}

impl<F: FnMut(&'static str, Value<'_>)> Each<F> {
    fn text(&mut self, field: &Field, text: &str) {
        match self.shown {
            Shown::AsGiven => (self.each)(field.name(), Value::Text(text)),
            Shown::WithoutSecrets => {
                (self.each)(field.name(), Value::Text(&outcrop_types::without_secrets(text)));
            }
        }
    }

    fn written(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        let mut text = Bounded(std::mem::take(&mut self.room));
        text.0.clear();
        // Stopped where it is long enough.
        let _ = text.write_fmt(value);
        self.text(field, &text.0);
        self.room = text.0;
    }
}

impl<F: FnMut(&'static str, Value<'_>)> Visit for Each<F> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.written(field, format_args!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, up_to(value, VALUE + 4));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let mut text = Bounded(String::new());
        let mut next = Some(value);
        while let Some(error) = next {
            let separator = if text.0.is_empty() { "" } else { ": " };
            if write!(text, "{separator}{error}").is_err() {
                break;
            }
            next = error.source();
        }
        self.text(field, &text.0);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        (self.each)(field.name(), Value::Bare(&value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        (self.each)(field.name(), Value::Bare(&value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        (self.each)(field.name(), Value::Bare(&value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no word for what is no number.
        if let Some(short) = Thousandths::of(value) {
            (self.each)(field.name(), Value::Bare(&short));
        } else if value.is_finite() {
            (self.each)(field.name(), Value::Bare(&value));
        } else {
            self.written(field, format_args!("{value}"));
        }
    }
}

/// A number of thousandths, as times are. To find the shortest text of any other takes long.
struct Thousandths(u64);

impl Thousandths {
    fn of(value: f64) -> Option<Self> {
        // So few digits are exact in both directions.
        let whole = (value * 1_000.0).round();
        let fits = (0.0..1e12).contains(&whole) && whole / 1_000.0 == value && value.is_sign_positive();
        fits.then_some(Self(whole as u64))
    }
}

impl fmt::Display for Thousandths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (self.0 / 1_000).fmt(f)?;
        let mut rest = self.0 % 1_000;
        if rest == 0 {
            return Ok(());
        }
        let mut digits = *b".000";
        for digit in digits.iter_mut().skip(1).rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        f.write_str(str::from_utf8(&digits).unwrap_or_default().trim_end_matches('0'))
    }
}

/// A text that takes one byte more than a value may have, so that a cut is seen, and then no more.
struct Bounded(String);

impl fmt::Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = (VALUE + 4).saturating_sub(self.0.len());
        let fits = up_to(text, room);
        self.0.push_str(fits);
        if fits.len() == text.len() { Ok(()) } else { Err(fmt::Error) }
    }
}

/// So many bytes at most, cut between characters.
pub(super) fn up_to(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or(text)
}

/// The moment, as RFC 3339 has it, to the microsecond. Of a second all but its parts are written once.
#[expect(
    clippy::disallowed_methods,
    reason = "a line says when that was which it tells of, whatever clock the work goes by"
)]
pub(super) fn now(line: &mut String) {
    thread_local! {
        static SECOND: RefCell<(i64, String)> = const { RefCell::new((i64::MIN, String::new())) };
    }
    let now = later::moment().map_or_else(Utc::now, DateTime::from);
    let second = now.timestamp();
    SECOND.with_borrow_mut(|(last, text)| {
        if *last != second {
            *last = second;
            text.clear();
            // A `String` takes everything.
            let _ = write!(text, "{}", now.format("%Y-%m-%dT%H:%M:%S."));
        }
        line.push_str(text);
    });
    let mut micros = now.timestamp_subsec_micros();
    let mut digits = *b"000000Z";
    for digit in digits.iter_mut().rev().skip(1) {
        *digit = b'0' + (micros % 10) as u8;
        micros /= 10;
    }
    line.push_str(str::from_utf8(&digits).unwrap_or_default());
}

/// What would break a line, or play tricks on a terminal.
pub(super) fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousandths_are_written_as_every_number_is() {
        for value in [0.0, 0.001, 0.25, 1.0, 12.345, 100.0, 999.999, 1_234_567.89, 999_999_999.999] {
            let short = Thousandths::of(value).map(|it| it.to_string());
            assert_eq!(short, Some(value.to_string()));
        }
        for value in [-0.0, -1.5, 0.000_1, 1e12, f64::NAN, f64::INFINITY, 1.0 / 3.0] {
            assert!(Thousandths::of(value).is_none(), "{value}");
        }
    }

    #[test]
    fn the_moment_is_written_as_others_read_it() {
        let mut line = "at ".to_owned();
        let before = opentelemetry::time::now();
        now(&mut line);
        let read = chrono::DateTime::parse_from_rfc3339(&line[3..]).unwrap();
        let after = opentelemetry::time::now();
        // Parts of a microsecond are left out.
        let written = std::time::SystemTime::from(read) + std::time::Duration::from_micros(1);
        assert!(before <= written && std::time::SystemTime::from(read) <= after, "{line}");
        assert_eq!(line.len(), "at 2026-01-01T00:00:00.000000Z".len());
    }
}
