//! Why the parts cannot be put together: one clear line each.

/// A failed connection of settings to adapters.
#[derive(Debug, thiserror::Error)]
#[error("{line}")]
pub struct WiringError {
    line: String,
    blame: Blame,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blame {
    /// A setting.
    Setting,
    /// Something that is away, and may be back in a moment.
    Away,
    /// Nothing: whoever runs the process wants it to end.
    Stop,
    /// Anything else.
    Other,
}

impl WiringError {
    /// A setting is to blame, and trying again will not help.
    pub fn setting(line: impl Into<String>) -> Self {
        Self { line: line.into(), blame: Blame::Setting }
    }

    /// The database lacks these migrations.
    pub(crate) fn behind(pending: &str) -> Self {
        let line = format!("the database is not up to date: it lacks {pending}; run `outcrop migrate` first");
        Self { line, blame: Blame::Other }
    }

    /// The process was told to stop before its parts were together.
    pub(crate) fn stopped() -> Self {
        Self { line: "told to stop before the database was up to date".to_owned(), blame: Blame::Stop }
    }

    /// Something out there failed: `attempted` follows "could not".
    pub(crate) fn failed(
        attempted: impl std::fmt::Display,
        error: &(dyn std::error::Error + 'static),
    ) -> Self {
        Self { line: format!("could not {attempted}: {}", chain(error)), blame: Blame::Other }
    }

    /// What a port said failed; its own words begin with "could not".
    pub(crate) fn port(error: &outcrop_ports::PortError) -> Self {
        let away = error.failure == outcrop_ports::PortFailure::Unavailable;
        Self { line: error.chain(), blame: if away { Blame::Away } else { Blame::Other } }
    }

    /// Whether the settings are to blame.
    #[must_use]
    pub fn is_setting(&self) -> bool {
        self.blame == Blame::Setting
    }

    /// Whether nothing failed: the process was told to stop.
    #[must_use]
    pub fn is_stop(&self) -> bool {
        self.blame == Blame::Stop
    }

    /// Whether something is away that may be back in a moment.
    #[must_use]
    pub fn is_away(&self) -> bool {
        self.blame == Blame::Away
    }
}

/// An error and its causes on one line.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let inner = error.to_string();
        // Some libraries repeat their cause in their own words.
        if !text.ends_with(&inner) {
            text.push_str(": ");
            text.push_str(&inner);
        }
        cause = error.source();
    }
    text.replace('\n', " ")
}
