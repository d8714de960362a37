//! What is logged, changed while the process runs.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

type Set = dyn Fn(Option<&str>) -> Result<(), String> + Send + Sync;

static SET: OnceLock<(Box<Set>, String)> = OnceLock::new();

/// Who changes the filter, and what it is by the settings. To be called once, at the set-up of the log.
pub fn install(configured: String, set: impl Fn(Option<&str>) -> Result<(), String> + Send + Sync + 'static) {
    drop(SET.set((Box::new(set), configured)));
}

/// Logs by this filter (`RUST_LOG` syntax) from now on; by the settings' with `None`.
///
/// # Errors
/// What is wrong with it, in words.
pub fn change(filter: Option<&str>) -> Result<(), String> {
    SET.get().map_or(Ok(()), |(set, _)| set(filter))
}

/// The filter of the settings.
#[must_use]
pub fn configured() -> Option<&'static str> {
    SET.get().map(|(_, configured)| configured.as_str())
}

/// A filter that holds for a while in place of the settings'.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meanwhile {
    /// The filter.
    pub filter: String,
    /// When the settings' holds again, which is for [`over`] to be asked.
    pub until: SystemTime,
}

static MEANWHILE: Mutex<Option<Meanwhile>> = Mutex::new(None);

/// Whether lines could be logged by this filter.
///
/// # Errors
/// What is wrong with it, in words.
pub fn check(filter: &str) -> Result<(), String> {
    let held = MEANWHILE.lock().unwrap_or_else(PoisonError::into_inner);
    // Only who sets a filter knows what is one.
    change(Some(filter))?;
    change(held.as_ref().map(|it| it.filter.as_str()))
}

/// Logs by this filter for a while, or by that of the settings again.
///
/// # Errors
/// What is wrong with it, in words; then what held still holds.
pub fn hold(meanwhile: Option<Meanwhile>) -> Result<(), String> {
    let mut held = MEANWHILE.lock().unwrap_or_else(PoisonError::into_inner);
    change(meanwhile.as_ref().map(|it| it.filter.as_str()))?;
    *held = meanwhile;
    Ok(())
}

/// What holds in place of the settings' filter, if anything does.
#[must_use]
pub fn held() -> Option<Meanwhile> {
    MEANWHILE.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Goes back to the settings' filter if the time of what holds in its place is over. Whether it went back.
pub fn over(now: SystemTime) -> bool {
    let mut held = MEANWHILE.lock().unwrap_or_else(PoisonError::into_inner);
    let ended = held.as_ref().is_some_and(|it| it.until <= now);
    if ended && change(None).is_ok() {
        *held = None;
        return true;
    }
    false
}
