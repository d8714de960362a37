//! Why the parts cannot be put together: one clear line each.

/// A failed connection of settings to adapters.
#[derive(Debug, thiserror::Error)]
#[error("{line}")]
pub struct WiringError {
    line: String,
    setting: bool,
}

impl WiringError {
    /// A setting is to blame, and trying again will not help.
    pub fn setting(line: impl Into<String>) -> Self {
        Self { line: line.into(), setting: true }
    }

    /// Something out there failed: `attempted` follows "could not".
    pub(crate) fn failed(
        attempted: impl std::fmt::Display,
        error: &(dyn std::error::Error + 'static),
    ) -> Self {
        Self { line: format!("could not {attempted}: {}", chain(error)), setting: false }
    }

    /// What a port said failed; its own words begin with "could not".
    pub(crate) fn port(error: &outcrop_ports::PortError) -> Self {
        Self { line: error.chain(), setting: false }
    }

    /// Whether the settings are to blame.
    #[must_use]
    pub const fn is_setting(&self) -> bool {
        self.setting
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
