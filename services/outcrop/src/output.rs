//! The one place that prints.
//!
//! `println!` panics when nobody reads any more; here that is an answer like any other.

use std::io::{self, Write};

use crate::failure::Failure;

/// Prints a line to stdout.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    write(&format!("{text}\n"))
}

/// Prints text to stdout as it is, at once.
pub(crate) fn write(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::NobodyReads,
        _ => Failure::failed(format!("could not write to standard output: {error}")),
    })
}

/// Prints a line to stderr, in our name. Where that fails, there is nobody left to tell.
pub(crate) fn complain(text: &str) {
    let _ = writeln!(io::stderr().lock(), "outcrop: {text}");
}

/// Prints a line for people to stderr, so that stdout holds only what scripts want.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Draws on stderr, over what stands there.
pub(crate) fn draw(text: &str) {
    let mut stderr = io::stderr().lock();
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}
