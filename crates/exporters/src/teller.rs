//! The thread that tells of what is over.

use std::thread::Builder;

use outcrop_telemetry::later;

use crate::ExporterError;

const NAME: &str = "tell";

/// Whatever is over is told of by a thread until this is dropped.
pub(crate) struct Teller;

impl Teller {
    /// To be started once.
    pub(crate) fn start() -> Result<Self, ExporterError> {
        // Before the thread is there: whether something waits for it does not depend on how soon it runs.
        later::begin();
        let thread = Builder::new().name(NAME.to_owned()).spawn(later::run);
        thread.map(|_| Self).map_err(|source| ExporterError::Thread { name: NAME, source })
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        later::end();
    }
}
