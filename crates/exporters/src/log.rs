//! The log: lines on stderr, so that stdout stays free for what a command prints.
//!
//! [`fields`] reads an event, [`json`] and [`text`] write it as a line, [`writer`] hands lines to a thread that writes them:
//! whoever reads stderr slowly delays nobody. [`ceiling`] is what no filter lifts. Spans of `tracing` are not looked at; what a task works on is known by
//! [`outcrop_telemetry::current`].

use std::cell::RefCell;
use std::io::{IsTerminal, stderr};
use std::time::Duration;

use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, reload};

use self::fields::Said;
use self::writer::Writer;
use crate::{ExporterError, Format, LogOptions, Options};

mod ceiling;
mod fields;
mod json;
mod text;
mod writer;

/// Longest filter that is looked at.
const MOST_FILTER: usize = 4_096;
/// For how long a panic waits for the lines before it.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// The log of this process.
pub(crate) struct Log {
    writer: Writer,
}

/// Lines are written from now on.
pub(crate) fn start(options: &Options) -> Result<Log, ExporterError> {
    let LogOptions { format, filter, at_once } = &options.log;
    let given = std::env::var(EnvFilter::DEFAULT_ENV).ok().filter(|text| !text.is_empty());
    let wanted = given.unwrap_or_else(|| filter.clone());
    let (filter, handle) = reload::Layer::new(parse(&wanted)?);
    let lines = Form::new(options.service, *format, stderr().is_terminal());
    let writer = if *at_once {
        Writer::at_once(Box::new(stderr()))
    } else {
        let form = lines;
        Writer::start(Box::new(stderr()), move |lost| form.lost(lost))
            .map_err(|source| ExporterError::Thread { name: "log", source })?
    };
    tracing_subscriber::registry()
        .with(filter)
        .with(Lines { form: lines, writer: writer.clone() })
        .try_init()
        .map_err(|source| ExporterError::AlreadySet { source })?;
    let configured = wanted.clone();
    outcrop_telemetry::filter::install(
        configured,
        |asked| checked(asked).map(drop),
        move |asked| change(&handle, asked.unwrap_or(&wanted)),
    );
    if !at_once {
        write_before_panics(writer.clone());
    }
    Ok(Log { writer })
}

impl Log {
    /// Waits until all lines are written, for at most so long; later ones are written at once.
    pub(crate) fn finish(self, within: Duration) {
        self.writer.finish(within);
    }
}

impl Drop for Log {
    /// A process that unwinds has lines that tell why.
    fn drop(&mut self) {
        self.writer.finish(LAST_WORDS);
    }
}

fn parse(filter: &str) -> Result<EnvFilter, ExporterError> {
    EnvFilter::builder()
        // What is matched are our own fields; an expression could be made to take long.
        .with_regex(false)
        .parse(filter)
        .map_err(|source| ExporterError::Filter { filter: filter.to_owned(), source })
}

fn change<S: Subscriber>(handle: &reload::Handle<EnvFilter, S>, filter: &str) -> Result<(), String> {
    handle.reload(checked(filter)?).map_err(|_| "the log has ended".to_owned())
}

/// A filter that somebody asks for.
fn checked(filter: &str) -> Result<EnvFilter, String> {
    let filter = filter.trim();
    if filter.is_empty() || filter.len() > MOST_FILTER {
        return Err(format!("a log filter has 1 to {MOST_FILTER} bytes"));
    }
    parse(filter).map_err(|_| "it is not a log filter (for example `info` or `outcrop=debug`)".to_owned())
}

/// The message of a panic is written by the standard library, at once; the lines that were logged before it come first. Those of
/// requests that ended in the last milliseconds are not logged yet, and come after it: to tell of them here could panic once more.
fn write_before_panics(writer: Writer) {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        writer.flush(LAST_WORDS);
        usual(panic);
    }));
}

/// How a line looks.
#[derive(Debug, Clone, Copy)]
enum Form {
    /// An object.
    Json { service: &'static str },
    /// For people; with colours or without.
    Text { colours: bool },
}

impl Form {
    const fn new(service: &'static str, format: Format, terminal: bool) -> Self {
        let text = match format {
            Format::Auto => terminal,
            Format::Json => false,
            Format::Text => true,
        };
        if text { Self::Text { colours: terminal } } else { Self::Json { service } }
    }

    fn write(self, said: &Said<'_>, line: &mut String) {
        match self {
            Self::Json { service } => json::write(service, said, line),
            Self::Text { colours } => text::write(colours, said, line),
        }
        line.push('\n');
    }

    /// Tells that lines are missing here.
    fn lost(self, lines: u64) -> String {
        let mut line = String::with_capacity(200);
        self.write(&Said::lost(lines), &mut line);
        line
    }
}

/// Writes events as lines.
struct Lines {
    form: Form,
    writer: Writer,
}

thread_local! {
    static LINE: RefCell<String> = const { RefCell::new(String::new()) };
}

impl<S: Subscriber> Layer<S> for Lines {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if ceiling::is_below(metadata) { Interest::always() } else { Interest::never() }
    }

    /// Of the `log` crate's records this sees the real place, which their events hide.
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        ceiling::is_below(metadata)
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        LINE.with(|line| match line.try_borrow_mut() {
            Ok(mut line) => self.line(event, &mut line),
            // A value that logs while it is written.
            Err(_) => self.line(event, &mut String::new()),
        });
    }
}

impl Lines {
    fn line(&self, event: &Event<'_>, line: &mut String) {
        line.clear();
        let said = Said::of(event);
        if !said.is_ours_to_write() {
            return;
        }
        self.form.write(&said, line);
        self.writer.write(line);
    }
}

#[cfg(test)]
#[path = "log/tests.rs"]
mod tests;
