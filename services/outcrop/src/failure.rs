//! How a command fails: a line for stderr and an exit code.

use std::process::ExitCode;

use outcrop_auth::{AdminError, BootstrapError};
use outcrop_config::LoadError;
use outcrop_ports::PortError;
use outcrop_wiring::{BAD_SETTINGS_EXIT_CODE, WiringError};

use crate::output;

/// `EX_USAGE` is clap's: 2, as most tools have it.
const WRONG_USE: u8 = 2;

/// As shells say it of a program that SIGINT ended: 128 and the signal's number.
const STOPPED: u8 = 130;

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line asks for something that makes no sense.
    Usage(String),
    /// The settings are wrong; one line each.
    Settings(Vec<String>),
    /// It was tried and did not work.
    Failed(String),
    /// Somebody stopped it, with how to go on.
    Stopped(String),
    /// Nobody reads our output any more (`outcrop … | head`), which is no failure of ours.
    NobodyReads,
}

impl Failure {
    pub(crate) fn failed(line: impl Into<String>) -> Self {
        Self::Failed(line.into())
    }

    /// An error with its causes, on one line.
    pub(crate) fn from_error(error: &(dyn std::error::Error + 'static)) -> Self {
        let mut line = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            line.push_str(": ");
            line.push_str(&error.to_string());
            cause = error.source();
        }
        Self::Failed(line)
    }

    /// Says it on stderr and gives the code to exit with.
    pub(crate) fn report(&self) -> ExitCode {
        let (lines, code) = match self {
            Self::Usage(line) => (std::slice::from_ref(line), WRONG_USE),
            Self::Settings(lines) => (lines.as_slice(), BAD_SETTINGS_EXIT_CODE),
            Self::Failed(line) => (std::slice::from_ref(line), 1),
            Self::Stopped(line) => (std::slice::from_ref(line), STOPPED),
            Self::NobodyReads => (&[][..], 0),
        };
        for line in lines {
            output::complain(line);
        }
        ExitCode::from(code)
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        Self::Settings(error.problems.iter().map(ToString::to_string).collect())
    }
}

impl From<AdminError> for Failure {
    fn from(error: AdminError) -> Self {
        Self::from_error(&error)
    }
}

impl From<BootstrapError> for Failure {
    fn from(error: BootstrapError) -> Self {
        Self::from_error(&error)
    }
}

impl From<PortError> for Failure {
    fn from(error: PortError) -> Self {
        Self::from_error(&error)
    }
}

impl From<WiringError> for Failure {
    fn from(error: WiringError) -> Self {
        if error.is_setting() {
            Self::Settings(vec![error.to_string()])
        } else {
            Self::Failed(error.to_string())
        }
    }
}
