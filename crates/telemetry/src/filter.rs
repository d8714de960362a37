//! What is logged, changed while the process runs.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

type Check = dyn Fn(&str) -> Result<(), String> + Send + Sync;
type Set = dyn Fn(Option<&str>) -> Result<(), String> + Send + Sync;

struct Installed {
    configured: String,
    check: Box<Check>,
    set: Box<Set>,
}

static INSTALLED: OnceLock<Installed> = OnceLock::new();

/// What the filter is by the settings, who knows what is one, and who changes it. To be called once, at the set-up of the
/// log.
pub fn install(
    configured: String,
    check: impl Fn(&str) -> Result<(), String> + Send + Sync + 'static,
    set: impl Fn(Option<&str>) -> Result<(), String> + Send + Sync + 'static,
) {
    drop(INSTALLED.set(Installed { configured, check: Box::new(check), set: Box::new(set) }));
}

/// Logs by this filter (`RUST_LOG` syntax) from now on; by the settings' with `None`.
///
/// # Errors
/// What is wrong with it, in words.
pub fn change(filter: Option<&str>) -> Result<(), String> {
    INSTALLED.get().map_or(Ok(()), |log| (log.set)(filter))
}

/// The filter of the settings.
#[must_use]
pub fn configured() -> Option<&'static str> {
    INSTALLED.get().map(|log| log.configured.as_str())
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

/// Whether lines could be logged by this filter. Nothing is logged by it yet.
///
/// # Errors
/// What is wrong with it, in words.
pub fn check(filter: &str) -> Result<(), String> {
    INSTALLED.get().map_or(Ok(()), |log| (log.check)(filter))
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn a_filter_that_is_looked_at_is_not_set() {
        static SET: AtomicUsize = AtomicUsize::new(0);
        let check = |filter: &str| if filter == "loud" { Err("no filter".to_owned()) } else { Ok(()) };
        let set = |_: Option<&str>| {
            SET.fetch_add(1, Ordering::SeqCst);
            Ok(())
        };
        install("info".to_owned(), check, set);
        assert_eq!((super::check("off"), super::check("loud")), (Ok(()), Err("no filter".to_owned())));
        assert_eq!(SET.load(Ordering::SeqCst), 0);
        change(Some("off")).unwrap();
        assert_eq!(SET.load(Ordering::SeqCst), 1);
    }
}
