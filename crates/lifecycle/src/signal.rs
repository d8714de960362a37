//! The signals that stop a process.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The exit code after a second signal: 128 + SIGINT, as shells report it.
pub const SECOND_SIGNAL_EXIT_CODE: i32 = 130;

/// A token that SIGTERM or SIGINT cancels. A second signal ends the process at once.
///
/// Needs a running tokio runtime; fails if the handlers cannot be installed.
pub fn stop_on_signal() -> io::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = CancellationToken::new();
    let asked = stop.clone();
    tokio::spawn(async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        tracing::info!(signal = name, "stopping: open answers are finished first; a second signal ends them");
        asked.cancel();
        tokio::select! {
            _ = terminate.recv() => {},
            _ = interrupt.recv() => {},
        }
        tracing::warn!("second signal: leaving at once");
        std::process::exit(SECOND_SIGNAL_EXIT_CODE);
    });
    Ok(stop)
}
